"""The functions as a spreadsheet sees them: cells in, cells out."""

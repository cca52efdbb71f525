"""Arrow-shaped systems against dense linear algebra, on random systems and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from glmm_binomial.estimation.arrowhead import Arrowhead, factorize

SHAPES = [(1, 1, 1), (3, 7, 2), (6, 40, 4), (2, 1, 5)]
"""Width of the corner, number of blocks, width of a block."""


def dense(matrix):
    """Write an arrowhead out in full."""
    width, (groups, local, _) = len(matrix.corner), matrix.coupling.shape
    full = np.zeros((width + groups * local,) * 2)
    full[:width, :width] = matrix.corner
    for g in range(groups):
        rows = slice(width + g * local, width + (g + 1) * local)
        full[rows, rows] = matrix.blocks[g]
        full[rows, :width] = matrix.coupling[g]
        full[:width, rows] = matrix.coupling[g].T
    return full


def random_arrowhead(shape, seed, *, dominance):
    """Return a symmetric arrowhead; with enough diagonal dominance it is positive definite."""
    corner, groups, local = shape
    rng = np.random.default_rng(seed)
    blocks = rng.normal(size=(groups, local, local))
    blocks = blocks + blocks.transpose(0, 2, 1) + dominance * np.eye(local)
    coupling = rng.normal(size=(groups, local, corner))
    top = rng.normal(size=(corner, corner))
    return Arrowhead(
        corner=top + top.T + dominance * (1 + groups * local) * np.eye(corner), coupling=coupling, blocks=blocks
    )


def positive_definite(shape, seed):
    matrix = random_arrowhead(shape, seed, dominance=12.0)
    assert np.linalg.eigvalsh(dense(matrix))[0] > 0
    return matrix


def right_hand_side(matrix, seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=len(matrix.corner)), rng.normal(size=matrix.coupling.shape[:2])


def test_the_smallest_arrowhead_is_solved_as_by_hand():
    # [3 1; 1 2] (1, 1)' = (4, 3)'; S = 3 - 1/2 = 5/2
    factor = factorize(Arrowhead(corner=np.array([[3.0]]), coupling=np.array([[[1.0]]]), blocks=np.array([[[2.0]]])))
    corner, local = factor.solve(np.array([4.0]), np.array([[3.0]]))
    assert not factor.modified
    assert_allclose(factor.schur, [[2.5]])
    assert_allclose(corner, [1.0])
    assert_allclose(local, [[1.0]])


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("seed", range(3))
def test_solutions_are_those_of_the_dense_matrix(shape, seed):
    matrix = positive_definite(shape, seed)
    corner, local = right_hand_side(matrix, seed + 100)
    factor = factorize(matrix)
    found = factor.solve(corner, local)
    expected = np.linalg.solve(dense(matrix), np.r_[corner, local.ravel()])
    assert not factor.modified
    # condition numbers are below 1e3
    assert_allclose(np.r_[found[0], found[1].ravel()], expected, rtol=0, atol=1e-12 * np.abs(expected).max())


def test_the_order_of_the_blocks_does_not_matter():
    matrix = positive_definite((3, 9, 2), 11)
    corner, local = right_hand_side(matrix, 12)
    order = np.random.default_rng(13).permutation(9)
    turned = Arrowhead(corner=matrix.corner, coupling=matrix.coupling[order], blocks=matrix.blocks[order])
    there, back = factorize(matrix).solve(corner, local), factorize(turned).solve(corner, local[order])
    assert_allclose(back[0], there[0], rtol=1e-12)
    assert_allclose(back[1], there[1][order], rtol=1e-11)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("seed", range(4))
def test_where_the_matrix_is_indefinite_solving_still_gives_a_direction_of_descent(shape, seed):
    matrix = random_arrowhead(shape, seed, dominance=-1.0)
    assert np.linalg.eigvalsh(dense(matrix))[0] < 0
    corner, local = right_hand_side(matrix, seed + 50)
    factor = factorize(matrix)
    solution = factor.solve(corner, local)
    assert factor.modified
    assert solution[0] @ corner + np.vdot(solution[1], local) > 0
    assert np.linalg.eigvalsh(factor.schur)[0] > 0
    assert np.linalg.eigvalsh(factor.block_inverses).min() > 0


def test_an_indefinite_corner_over_definite_blocks_is_noticed():
    # blocks are fine, but S = 1 - 2 * 2 = -3 becomes 3
    factor = factorize(Arrowhead(corner=np.eye(1), coupling=np.full((2, 1, 1), 2.0), blocks=np.full((2, 1, 1), 2.0)))
    assert factor.modified
    assert_allclose(factor.schur, [[3.0]])


def test_arguments_are_left_as_they_were():
    matrix = random_arrowhead((3, 5, 2), 3, dominance=-1.0)
    copies = [part.copy() for part in (matrix.corner, matrix.coupling, matrix.blocks)]
    corner, local = right_hand_side(matrix, 4)
    kept = corner.copy(), local.copy()
    factorize(matrix).solve(corner, local)
    for part, copy in zip(
        (matrix.corner, matrix.coupling, matrix.blocks, corner, local), (*copies, *kept), strict=True
    ):
        assert (part == copy).all()


def test_without_blocks_it_is_an_ordinary_system():
    matrix = Arrowhead(
        corner=np.array([[2.0, 1.0], [1.0, 2.0]]), coupling=np.empty((0, 1, 2)), blocks=np.empty((0, 1, 1))
    )
    corner, local = factorize(matrix).solve(np.array([3.0, 3.0]), np.empty((0, 1)))
    assert_allclose(corner, [1.0, 1.0])
    assert local.shape == (0, 1)

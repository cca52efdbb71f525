"""A map from independent normal z to theta that follows a posterior's ridge and its skewness.

theta splits into axes a (the parameters of Sigma, and coefficients where asked for) and the rest b. Along axis j, at
c = (a_j - mode) / s, the conditional mode b(c), C(c) C(c)' = H_bb^-1 and the log profile f(c) are found by one Newton
step each. The first z give each c by the law p(c) ~ exp(f(c)) |C(c)| (the profile, corrected as by Tierney & Kadane
1986, JASA 81(393)), the others b = b(c) + C(c) x with x_i = m_i + (exp(g_i z_i) - exp(g_i^2 / 2)) / g_i, a shifted
log-normal of skewness 3 g_i. With kappa the third derivatives of log p by x at the mode, m_i = sum_j kappa_ijj / 2 and
g_i = kappa_iii / 3, the first terms of Edgeworth's series.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.interpolate import CubicHermiteSpline, CubicSpline, PPoly
from scipy.special import ndtri

from glmm_binomial.estimation.prior import FIXED_EFFECT_PRECISION, LOG_SD_PRIOR_SD

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glmm_binomial.estimation.log_posterior import CurvedPoint, LogPosterior
    from glmm_binomial.estimation.posterior_mode import PosteriorMode

WALK_STEP: Final = 1.5
"""Of an axis, in posterior SDs of its coordinate; half as much again where the profile is flat."""

FLAT: Final = 1.0
ENOUGH: Final = 4.0
"""Fall of the log profile up to which it counts as flat, and at which a walk ends."""

MOST_WALK_STEPS: Final = 7
NARROW: Final = 0.1
LONG_STEP: Final = 2.0
"""Posterior SD of a log SD below which its law is so nearly normal that one step of this length each way will do."""

TIGHT: Final = 0.025
"""Posterior SDs on the standardised scale below which no skewness is worth a look: it is smaller still."""

NEAR_RIDGE: Final = 0.5
"""Squared distance to the conditional mode, in conditional SDs, from which one Newton step leads there."""

MOST_CORRECTIONS: Final = 20
LARGEST_CORRECTION: Final = 3.0
BEYOND: Final = 3.0
"""SDs beyond the ends of a walk over which b(c) and C(c) go on in straight lines."""

LAW_POINTS: Final = 2_001
LAW_BEYOND: Final = 4.5
LEAST_DENSITY: Final = 1e-13
LARGEST_SKEW: Final = 0.5
SMALLEST_SKEW: Final = 1e-6


@dataclass(frozen=True, slots=True)
class MappedPoints:
    """Points theta (N, d), and log |d theta / dz| (N,) up to a constant."""

    theta: NDArray[np.float64]
    log_jacobian: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _RidgePoint:
    """The ridge at one c: b (m,), its slope (m,), C (m, m), and slope and curvature of the profile f."""

    c: float
    b: NDArray[np.float64]
    b_slope: NDArray[np.float64]
    factor: NDArray[np.float64]
    slope: float
    curvature: float

    @property
    def log_diagonal(self) -> NDArray[np.float64]:
        return np.log(np.diag(self.factor))


@dataclass(frozen=True, slots=True)
class _Axis:
    """What happens along one axis: changes from the mode as polynomials in c, and the law of c.

    Attributes
    ----------
    b, log_diagonal : PPoly
        Of values (m,).
    below_diagonal : PPoly
        Of values (m, m), the part of C below its diagonal.
    c, log_density, scores : (L,) arrays
        A table of the law.
    """

    b: PPoly
    log_diagonal: PPoly
    below_diagonal: PPoly
    c: NDArray[np.float64]
    log_density: NDArray[np.float64]
    scores: NDArray[np.float64]


class RidgeMap:
    """The map of a posterior.

    Parameters
    ----------
    posterior : LogPosterior
    mode : PosteriorMode
    extra : sequence of int
        Coefficients that become axes too, with laws of their own.
    """

    def __init__(self, posterior: LogPosterior, mode: PosteriorMode, extra: tuple[int, ...] = ()) -> None:
        self._posterior, self._mode = posterior, mode.at
        k, size = posterior.coefficients, len(mode.at.point)
        self._axes = np.array([*range(k, size), *extra])
        self._rest = np.setdiff1d(np.arange(size), self._axes)
        covariance = np.linalg.inv(mode.at.information)[np.ix_(self._axes, self._axes)]
        sds = np.sqrt(np.diag(covariance))
        self._scales = np.where(self._axes < k, sds, np.minimum(sds, LOG_SD_PRIOR_SD))
        self._root = np.linalg.cholesky(covariance / np.outer(sds, sds))
        signs = orientation(mode.at.point - posterior.prior.means, k, posterior.effects)
        self._orientation = signs[np.concatenate([self._axes, self._rest])]
        self._middle = self._ridge_point(mode.at, axis=0, c=0.0)
        self._along = [self._walk(axis) for axis in range(len(self._axes))]
        self._shift, self._skew = self._skewness()

    def __call__(self, z: NDArray[np.float64]) -> MappedPoints:
        """Map z (N, d)."""
        axes, z = len(self._axes), z * self._orientation
        scores = z[:, :axes] @ self._root.T
        positions, log_jacobian = [], z[:, axes:] @ self._skew
        b, log_diagonal = self._middle.b, self._middle.log_diagonal
        theta = np.empty(z.shape)
        for score, axis, scale, place in zip(scores.T, self._along, self._scales, self._axes, strict=True):
            c = np.interp(score, axis.scores, axis.c)
            log_jacobian -= 0.5 * score**2 + np.interp(c, axis.c, axis.log_density)
            theta[:, place] = self._mode.point[place] + c * scale
            within = np.clip(c, axis.b.x[0], axis.b.x[-1])
            b, log_diagonal = b + axis.b(within), log_diagonal + axis.log_diagonal(within)
            positions.append(within)
        log_jacobian += log_diagonal.sum(axis=1)
        x = self._shift + (np.exp(self._skew * z[:, axes:]) - np.exp(0.5 * self._skew**2)) / self._skew
        moved = x * np.exp(log_diagonal) + x @ np.tril(self._middle.factor, -1).T
        for axis, within in zip(self._along, positions, strict=True):
            moved += _apply(axis.below_diagonal, within, x)
        theta[:, self._rest] = b + moved
        return MappedPoints(theta=theta, log_jacobian=log_jacobian)

    def _ridge_point(self, at: CurvedPoint, *, axis: int, c: float) -> _RidgePoint:
        """One Newton step in b from a point whose axis stands at c."""
        rest, place, scale = self._rest, self._axes[axis], self._scales[axis]
        covariance = np.linalg.inv(_above_prior(at.information[np.ix_(rest, rest)]))
        cross = at.information[rest, place]
        step, pull = covariance @ at.gradient[rest], covariance @ cross
        return _RidgePoint(
            c=c,
            b=at.point[rest] + step,
            b_slope=-pull * scale,
            factor=np.linalg.cholesky(covariance),
            slope=float(at.gradient[place] - cross @ step) * scale,
            curvature=-float(at.information[place, place] - cross @ pull) * scale**2,
        )

    def _walk(self, axis: int) -> _Axis:
        """From the mode both ways until the log profile has fallen by `ENOUGH`."""
        place, middle = self._axes[axis], self._ridge_point(self._mode, axis=axis, c=0.0)
        points, is_narrow = [middle], self._scales[axis] < NARROW and place >= self._posterior.coefficients
        for side in (-1.0, 1.0):
            last, fall = middle, 0.0
            for _ in range(MOST_WALK_STEPS):
                move = side * (LONG_STEP if is_narrow else WALK_STEP * (1.0 if fall > FLAT or last is middle else 1.5))
                theta = self._mode.point.copy()
                theta[self._rest] = last.b + last.b_slope * move
                theta[place] += (last.c + move) * self._scales[axis]
                point = self._ridge_point(self._on_ridge(theta), axis=axis, c=last.c + move)
                fall -= 0.5 * move * (last.slope + point.slope)
                points.append(point)
                last = point
                if fall > ENOUGH or is_narrow:
                    break
        points.sort(key=lambda point: point.c)
        c = np.array([point.c for point in points])
        below = [np.tril(point.factor - middle.factor, -1) for point in points]
        log_diagonal = CubicSpline(c, [point.log_diagonal - middle.log_diagonal for point in points])
        b = CubicHermiteSpline(c, [point.b - middle.b for point in points], [point.b_slope for point in points])
        grid, log_density, scores = self._law(points, axis)
        return _Axis(
            b=_with_straight_ends(b),
            log_diagonal=_with_straight_ends(log_diagonal),
            below_diagonal=_with_straight_ends(CubicSpline(c, below)),
            c=grid,
            log_density=log_density,
            scores=scores,
        )

    def _on_ridge(self, theta: NDArray[np.float64]) -> CurvedPoint:
        """A point so near the conditional mode of b that one Newton step leads there; mostly theta itself."""
        at = self._posterior.curved(theta)
        for _ in range(MOST_CORRECTIONS):
            gradient = at.gradient[self._rest]
            step = np.linalg.solve(_above_prior(at.information[np.ix_(self._rest, self._rest)]), gradient)
            if step @ gradient < NEAR_RIDGE:
                break
            moved = at.point.copy()
            moved[self._rest] += step / max(1.0, float(np.abs(step).max()) / LARGEST_CORRECTION)
            at = self._posterior.curved(moved)
        return at

    def _law(
        self, points: list[_RidgePoint], axis: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Table of c, log density and normal score; beyond the ends of the walk the log density is a parabola."""
        c = np.array([point.c for point in points])
        slopes, curvatures = [point.slope for point in points], [point.curvature for point in points]
        profile = CubicHermiteSpline(c, slopes, curvatures).antiderivative()
        log_volume = CubicSpline(c, [point.log_diagonal.sum() for point in points], bc_type="natural")
        grid = np.linspace(c[0] - LAW_BEYOND, c[-1] + LAW_BEYOND, LAW_POINTS)
        inside = np.clip(grid, c[0], c[-1])
        log_density = profile(inside) + log_volume(inside)
        for side, end in ((-1.0, points[0]), (1.0, points[-1])):
            least = 0.9 * self._prior_curvature(axis, end.c)
            outside = np.maximum(side * (grid - end.c), 0.0)
            falling = min(side * (end.slope + float(log_volume(end.c, 1))), 0.0)
            log_density += falling * outside + 0.5 * min(end.curvature, -least) * outside**2
        density = np.exp(log_density - log_density.max())
        density /= density.sum()
        below, above = np.cumsum(density) - 0.5 * density, np.cumsum(density[::-1])[::-1] - 0.5 * density
        kept = density > LEAST_DENSITY
        scores = np.where(below < above, ndtri(below), -ndtri(above))[kept]
        return grid[kept], np.log(density[kept]), scores

    def _prior_curvature(self, axis: int, c: float) -> float:
        """Of the prior along an axis, by c."""
        point = self._mode.point.copy()
        point[self._axes[axis]] += c * self._scales[axis]
        return float(self._posterior.prior.curvatures(point)[self._axes[axis]] * self._scales[axis] ** 2)

    def _skewness(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Shift m and log-normal shape g of x, (m,) both, from gradients at one SD each way along each column of C."""
        rest, size = self._rest, len(self._rest)
        factor = self._middle.factor
        if np.sqrt(np.diag(np.linalg.inv(self._mode.information))).max() < TIGHT:
            return np.zeros(size), np.full(size, SMALLEST_SKEW)
        points = np.repeat(self._mode.point[None], 2 * size, axis=0)
        points[:size, rest] += factor.T
        points[size:, rest] -= factor.T
        gradients = self._posterior.slopes(points).gradients[:, rest] @ factor
        # [j, i]: kappa_ijj
        third = gradients[:size] + gradients[size:] - 2.0 * self._mode.gradient[rest] @ factor
        shape = np.clip(np.diag(third) / 3.0, -LARGEST_SKEW, LARGEST_SKEW)
        least = np.copysign(SMALLEST_SKEW, shape)
        return 0.5 * third.sum(axis=0), np.where(np.abs(shape) < SMALLEST_SKEW, least, shape)


def orientation(mode: NDArray[np.float64], coefficients: int, effects: int) -> NDArray[np.float64]:
    """Signs, (d,), by which z is multiplied: those of the coordinates at the mode, and one for the log SDs.

    So a column with its sign turned, or successes and failures swapped, turn the signs of coefficients and of
    correlations and nothing else, whatever points z are used.
    """
    signs = np.where(mode < 0.0, -1.0, 1.0)
    signs[coefficients : coefficients + effects] = 1.0
    return signs


def _above_prior(information: NDArray[np.float64]) -> NDArray[np.float64]:
    """At least the prior precision: log p is concave in b, which errors of the quadrature must not undo."""
    values, vectors = np.linalg.eigh(information)
    return np.asarray((vectors * np.maximum(values, FIXED_EFFECT_PRECISION)) @ vectors.T)


def _with_straight_ends(spline: PPoly) -> PPoly:
    """The same polynomials with straight lines over some distance beyond either end."""
    ends = [(spline.x[0], spline.x[0] - BEYOND), (spline.x[-1], spline.x[-1])]
    pieces = np.zeros((4, len(spline.x) + 1, *spline.c.shape[2:]))
    pieces[-spline.c.shape[0] :, 1:-1] = spline.c
    for piece, (end, start) in zip((0, -1), ends, strict=True):
        slope = spline(end, 1)
        pieces[2, piece], pieces[3, piece] = slope, spline(end) + slope * (start - end)
    return PPoly(pieces, np.r_[spline.x[0] - BEYOND, spline.x, spline.x[-1] + BEYOND])


def _apply(matrices: PPoly, c: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.float64]:
    """M(c_n) x_n, (N, m), for matrices (m, m) that are polynomials in c, piece by piece and power by power."""
    out = np.zeros_like(x)
    piece = np.clip(np.searchsorted(matrices.x, c, side="right") - 1, 0, len(matrices.x) - 2)
    for i in np.unique(piece):
        chosen = piece == i
        within, part = (c[chosen] - matrices.x[i])[:, None], x[chosen]
        total = np.zeros_like(part)
        for power in range(4):
            total = total * within + part @ matrices.c[power, i].T
        out[chosen] = total
    return out

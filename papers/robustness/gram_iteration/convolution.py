"""Spectral norms of convolutions with circular padding, and bounds of them (arXiv 2305.16173, Section 4).

A kernel has the shape (n_out, n_in, width, width), width odd; images have ``side`` x ``side`` pixels.
"""

import numpy as np

from .method import gram_gradient, gram_iterates, spectral_norm


def fourier_blocks(kernel: np.ndarray, side: int) -> np.ndarray:
    """Blocks of the convolution in the Fourier basis, shape (side (side // 2 + 1), n_out, n_in), complex.

    One for each frequency, except that of two conjugate frequencies, whose blocks are conjugate, only one is kept.

    Raises
    ------
    ValueError
        If the kernel is wider than the image.

    References
    ----------
    Sedghi, Gupta and Long, The Singular Values of Convolutional Layers, ICLR 2019.
    """
    if kernel.shape[-1] > side:
        raise ValueError(f"a kernel of width {kernel.shape[-1]} does not fit an image of side {side}")
    spectrum = np.fft.rfft2(kernel, s=(side, side))
    return np.ascontiguousarray(np.moveaxis(spectrum.reshape(*kernel.shape[:2], -1), -1, 0))


def convolution_norm(kernel: np.ndarray, side: int) -> float:
    """Spectral norm of the convolution, by the singular values of all its Fourier blocks."""
    return spectral_norm(fourier_blocks(kernel, side))


def gram_bound(kernel: np.ndarray, side: int, n_iterations: int) -> tuple[float, np.ndarray]:
    """Upper bound of the spectral norm by Gram iteration on all Fourier blocks (Alg. 3), and its gradient.

    Returns
    -------
    bound : float
    gradient : array of the kernel's shape
        Through the block with the largest bound.
    """
    blocks = fourier_blocks(kernel, side)
    bounds = gram_iterates(blocks, n_iterations)[-1]
    worst = int(bounds.argmax())
    rows, columns = np.divmod(worst, side // 2 + 1)
    taps = np.arange(kernel.shape[-1])
    wave = np.exp(-2j * np.pi / side * (rows * taps[:, None] + columns * taps))
    gradient = (gram_gradient(blocks[worst], n_iterations)[:, :, None, None].conj() * wave).real
    return float(bounds[worst]), gradient


def grid_factor(width: int, coarse_side: int, n_dimensions: int = 2) -> float:
    """(1 - alpha)^(-n_dimensions/2): the norm at any larger side is at most so many times that at ``coarse_side``.

    alpha = 2 floor(width/2) / coarse_side. In each of the two dimensions a trigonometric polynomial of degree d is at
    most (1 - 2d/N)^(-1/2) times as large anywhere as on N > 2d equispaced points (Pfister and Bresler, 2018).

    Raises
    ------
    ValueError
        If ``coarse_side`` is not larger than 2 floor(width/2).
    """
    alpha = 2 * (width // 2) / coarse_side
    if alpha >= 1:
        raise ValueError(f"a kernel of width {width} needs more than {2 * (width // 2)} points, not {coarse_side}")
    return (1 - alpha) ** (-n_dimensions / 2)


def interpolating_kernel(width: int) -> np.ndarray:
    """One-channel kernel, shape (1, 1, width, width), that hides as much as it can from a grid of side ``width``.

    Its frequency response has modulus 1 on the grid and, at the frequency (pi, pi) furthest from it, the largest value
    that such a response can have: the square of the Lebesgue constant of trigonometric interpolation.
    """
    grid = 2 * np.pi * np.arange(width) / width
    degrees = np.arange(width) - width // 2
    signs = np.sign(np.cos(np.outer(np.pi - grid, degrees)).sum(axis=1))  # of the Dirichlet kernel seen from pi
    taps = np.cos(np.outer(degrees, grid)) @ signs / width
    return np.outer(taps, taps)[None, None]


def reshape_bound(kernel: np.ndarray) -> tuple[float, np.ndarray]:
    """width times the smallest spectral norm of four matrices that hold the kernel's entries, and its gradient.

    References
    ----------
    Singla and Feizi, Fantastic Four: Differentiable Bounds on Singular Values of Convolution Layers, ICLR 2021.
    """
    n_out, n_in, width, _ = kernel.shape
    orders = {  # order of the axes, number of rows of the matrix
        (0, 2, 1, 3): n_out * width,
        (0, 3, 1, 2): n_out * width,
        (0, 1, 2, 3): n_out,
        (1, 0, 2, 3): n_in,
    }
    matrices = {axes: kernel.transpose(axes).reshape(rows, -1) for axes, rows in orders.items()}
    best = min(matrices, key=lambda axes: spectral_norm(matrices[axes]))
    left, values, right = np.linalg.svd(matrices[best], full_matrices=False)
    permuted = np.outer(left[:, 0], right[0]).reshape([kernel.shape[axis] for axis in best])
    return float(width * values[0]), width * permuted.transpose(np.argsort(best))


def sampled_frobenius_bound(kernel: np.ndarray, n_samples: int = 50) -> float:
    """Largest Frobenius norm of the blocks on a grid of ``n_samples``^2 frequencies, times the grid factor.

    References
    ----------
    Araujo, Negrevergne, Chevaleyre and Atif, On Lipschitz Regularization of Convolutional Layers using Toeplitz Matrix
    Theory, AAAI 2021.
    """
    norms = np.linalg.norm(fourier_blocks(kernel, n_samples), axis=(1, 2))
    return float(grid_factor(kernel.shape[-1], n_samples) * norms.max())

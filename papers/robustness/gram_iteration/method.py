"""Gram iteration for the spectral norm of matrices, its gradient, and power iteration (arXiv 2305.16173, Section 3).

Matrices come as a stack of blocks, shape (n_blocks, rows, columns), real or complex: the diagonal blocks of one
operator. Its spectral norm is the largest of theirs.
"""

import numpy as np

SCALINGS = ("doubled", "undoubled", "none")


def adjoint(blocks: np.ndarray) -> np.ndarray:
    """Conjugate transpose of every block."""
    return blocks.conj().swapaxes(-2, -1)


def spectral_norm(blocks: np.ndarray) -> float:
    """Largest singular value of all blocks, by their singular value decompositions."""
    return float(np.linalg.svd(blocks, compute_uv=False).max())


def gram_iterates(blocks: np.ndarray, n_iterations: int, scaling: str = "doubled") -> np.ndarray:
    """Upper bounds of the spectral norm of every block after 0, 1, ..., ``n_iterations`` steps G <- G^H G (Alg. 1).

    After t steps the bound is ||G||_F^(1/2^t), the Schatten norm of order 2^(t+1): it falls with t, to the spectral
    norm. G would soon overflow, so it is divided by its Frobenius norm before each step, and the logarithm r of the
    factor that was taken out so far is kept.

    Parameters
    ----------
    blocks : array of shape (n_blocks, rows, columns)
    n_iterations : int
    scaling : {"doubled", "undoubled", "none"}
        A step squares G, so that it doubles r: "doubled". The others are mistakes: not to double, not to divide.

    Returns
    -------
    array of shape (n_iterations + 1, n_blocks)

    Raises
    ------
    ValueError
        If ``scaling`` is not in `SCALINGS`.
    """
    if scaling not in SCALINGS:
        raise ValueError(f"scaling must be one of {', '.join(SCALINGS)}, not {scaling!r}")
    gram = adjoint(blocks) if blocks.shape[-1] > blocks.shape[-2] else blocks  # squares the smaller side
    log_scale = np.zeros(len(blocks))
    log_bounds = []
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):  # what becomes of "none"; -inf for a zero block
        for t in range(n_iterations + 1):
            norm = np.linalg.norm(gram, axis=(-2, -1))
            log_norm = np.log(norm)
            log_bounds.append((log_norm + log_scale) / 2**t)
            if scaling != "none":
                gram = gram / np.where(norm > 0, norm, 1.0)[:, None, None]
                log_scale = log_scale + log_norm
            if scaling == "doubled":
                log_scale = 2 * log_scale
            gram = adjoint(gram) @ gram
        return np.exp(log_bounds)


def gram_gradient(matrix: np.ndarray, n_iterations: int) -> np.ndarray:
    """Gradient of the bound after T = ``n_iterations`` steps, W (W^H W)^(2^T - 1) / S^(2^(T+1) - 1), S the bound.

    With W = U diag(sigma) V^H it is U diag((sigma/S)^(2^(T+1) - 1)) V^H, which tends to u_1 v_1^H. For a complex
    matrix the bound changes by Re <gradient, dW>.

    Parameters
    ----------
    matrix : array of shape (rows, columns), not zero

    Returns
    -------
    array of the same shape
    """
    if matrix.shape[1] > matrix.shape[0]:
        return adjoint(gram_gradient(adjoint(matrix), n_iterations))
    gradient = matrix / gram_iterates(matrix[None], n_iterations)[-1, 0]  # singular values of at most 1: no overflow
    power = adjoint(gradient) @ gradient
    for _ in range(n_iterations):  # 2^T - 1 = 1 + 2 + ... + 2^(T-1)
        gradient = gradient @ power
        power = power @ power
    return gradient


def power_iterates(blocks: np.ndarray, start: np.ndarray, n_iterations: int) -> np.ndarray:
    """Lower estimates of the spectral norm of the operator, after 1, ..., ``n_iterations`` products with W and W^H.

    Parameters
    ----------
    blocks : array of shape (n_blocks, rows, columns)
    start : array of shape (n_blocks, columns, n_starts)
        Vectors to start from, each spread over all blocks.

    Returns
    -------
    array of shape (n_iterations, n_starts)
    """
    transposed = adjoint(blocks)
    vectors, estimates = start, []
    for _ in range(n_iterations):
        images = blocks @ vectors
        images /= np.linalg.norm(images, axis=(0, 1))
        vectors = transposed @ images
        estimates.append(np.linalg.norm(vectors, axis=(0, 1)))
        vectors /= estimates[-1]
    return np.array(estimates)


def iterations_to(errors: np.ndarray, tolerance: float) -> float:
    """Index of the first error within ``tolerance`` of zero, along the first axis; inf where there is none."""
    reached = np.abs(errors) <= tolerance
    return np.where(reached.any(axis=0), reached.argmax(axis=0), np.inf)

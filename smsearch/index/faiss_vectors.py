"""Vectors searched by FAISS: all compared where they are few; in clusters, in two degrees of detail, where many.

This is the one address of `faiss`.
"""

from __future__ import annotations

import os
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from smsearch.files import Write
from smsearch.index.mapped import MappedFile
from smsearch.index.turning import dealing, evening, largest_of
from smsearch.index.vectors import Rows, Vectors, by_score_then_row, inner_products_of
from smsearch.ragged import ranges

_BLAS_THRESHOLD: Final = 8192  # BLAS from 32 queries of 256 dimensions; faiss's own value waits for 500
_ROUNDS: Final = 8  # of k-means
_POINTS_PER_CLUSTER: Final = 40
_LARGEST: Final = 127.0  # that a number becomes in 8 bits
_ZERO: Final = 128  # as a byte of 8 bits
_ID_BYTES: Final = 8
_MOST_READ: Final = 4_096  # vectors of 8 bits; of more a mapping is faster
_MOST_IN_MEMORY: Final = 65_536  # vectors that are compared by all threads; 100 MB
_THREE: Final = 3  # numbers to a code
_BITS: Final = 4  # of a code


class FaissIndex:
    """Every vector kept as float16 by FAISS and compared with the query; rows can be filtered inside the search."""

    def __init__(self, index: Any) -> None:  # noqa: ANN401  faiss has no types
        self._index = index

    @classmethod
    def open(cls, file: MappedFile, dim: int) -> FaissIndex:
        """Over the bytes of a file.

        Raises:
            RuntimeError: If FAISS cannot read it.
            ValueError: If it holds other vectors.
        """
        index = _read(file)
        if index.d != dim:
            raise ValueError(f"an index of vectors of {index.d} numbers does not hold vectors of {dim}")
        return cls(index)

    @classmethod
    def empty(cls, dim: int) -> FaissIndex:
        """An index without vectors.

        float16 is 1.6 times as fast as float32 and loses nothing, for the vectors come from float16.
        """
        faiss = _faiss()
        return cls(faiss.IndexScalarQuantizer(dim, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT))

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def add(self, vectors: Vectors) -> None:
        """Append rows; `(n, dim)` float32."""
        rows = np.ascontiguousarray(vectors, dtype=np.float32)
        if not self._index.is_trained:
            self._index.train(rows)
        self._index.add(rows)

    def serialize(self, write: Write) -> None:
        """Hand over the bytes of the file, piece by piece."""
        _serialize(self._index, write)

    def search(
        self, queries: Vectors, k: int, *, admitted: NDArray[np.bool_] | None = None, exact: bool = False
    ) -> tuple[NDArray[np.float32], Rows]:
        """See `VectorIndex.search`."""
        del exact  # it always is
        n_admitted, admitted = counted(len(self), admitted)
        depth = min(k, n_admitted)
        if depth == 0:
            return np.empty((len(queries), 0), np.float32), np.empty((len(queries), 0), np.int64)
        faiss = _prepared(len(queries))
        parameters = None if admitted is None else faiss.SearchParameters(sel=_selector(faiss, admitted))
        scores, rows = self._index.search(np.ascontiguousarray(queries, np.float32), depth, params=parameters)
        return by_score_then_row(scores, rows)

    def nearest(
        self, query: Vectors, k: int, *, admitted: NDArray[np.bool_] | None = None, exact: bool = False
    ) -> Rows:
        """See `VectorIndex.nearest`."""
        _, (rows,) = self.search(query[None], k, admitted=admitted, exact=exact)
        found: Rows = rows
        return found

    def scores(self, query: Vectors, rows: Rows) -> NDArray[np.float32]:
        """See `VectorIndex.scores`."""
        if not len(rows):
            return np.empty(0, np.float32)
        return inner_products_of(query, _stored(self._index, rows))

    def estimates(self, query: Vectors, rows: Rows) -> NDArray[np.float32]:
        """See `VectorIndex.estimates`; they are the scores."""
        return self.scores(query, rows)


class EightBits:
    """Vectors of 8 bits a number in clusters (FAISS's RR,IVF,SQ8), one byte each.

    Vectors are turned at random, which makes their numbers about equally large: the largest is then 127 in steps that
    are, of 384 numbers, a quarter as wide. Query and vectors are compared as whole numbers, which takes half the time
    of others.

    Attributes:
        step: How much a number changes from one whole number to the next.
    """

    def __init__(self, index: Any, *, file: MappedFile | None = None) -> None:  # noqa: ANN401  faiss has no types
        faiss = _faiss()
        self._whole = index
        if isinstance(index, faiss.IndexPreTransform):
            self._turn = faiss.downcast_VectorTransform(index.chain.at(0))
            self._index = faiss.downcast_index(index.index)
        else:  # of an earlier version
            self._turn = _product_with(np.float32(_LARGEST) * np.eye(index.d, dtype=np.float32))
            self._index = index
        self._matrix: Vectors = faiss.vector_to_array(self._turn.A).reshape(self._turn.d_out, -1)
        self.step = float(1 / np.linalg.norm(self._matrix[0]))
        self._file = file if file and _is_within(self._index, file) else None

    @classmethod
    def open(cls, file: MappedFile, dim: int) -> EightBits:
        """Over the bytes of a file.

        Raises:
            RuntimeError: If FAISS cannot read it.
            ValueError: If it holds other vectors.
        """
        faiss, index = _faiss(), _read(file)
        inner = faiss.downcast_index(index.index) if isinstance(index, faiss.IndexPreTransform) else index
        kind = inner.sq.qtype if isinstance(inner, faiss.IndexIVFScalarQuantizer) else None
        if (index.d, inner.d, kind) != (dim, dim, faiss.ScalarQuantizer.QT_8bit_direct_signed):
            raise ValueError(f"an index of {index.d} numbers a vector does not hold vectors of {dim} in 8 bits")
        file.let_go()
        return cls(index, file=file)

    @classmethod
    def train(cls, sample: Vectors, n_clusters: int) -> EightBits:
        """Clusters without vectors, made from a sample of them; `(n, dim)` float32, of numbers in `[-1, 1]`."""
        faiss = _prepared(len(sample))
        dim = sample.shape[1]
        even = evening(dim)
        matrix = even * np.float32(_LARGEST / largest_of(sample, even))
        quantizer = faiss.IndexFlatIP(dim)
        kind = faiss.ScalarQuantizer.QT_8bit_direct_signed
        index = faiss.IndexIVFScalarQuantizer(quantizer, dim, n_clusters, kind, faiss.METRIC_INNER_PRODUCT, False)
        index.cp.niter = _ROUNDS
        index.cp.max_points_per_centroid = _POINTS_PER_CLUSTER
        index.cp.min_points_per_centroid = 1  # fewer are no reason to warn on standard error
        index.train(_whole_numbers(sample @ matrix.T))
        return cls(faiss.IndexPreTransform(_product_with(matrix), index))

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return int(self._index.d)

    @property
    def n_clusters(self) -> int:
        """How many clusters there are."""
        return int(self._index.nlist)

    @property
    def centroids(self) -> Vectors:
        """`(n_clusters, dim)` float32, unit rows."""
        turned: Vectors = self._index.quantizer.reconstruct_n(0, self.n_clusters)
        return turned @ self._matrix * np.float32(self.step)

    def add(self, vectors: Vectors) -> None:
        """Append rows; `(n, dim)` float32."""
        self._index.add(_whole_numbers(self._turned(vectors)))

    def serialize(self, write: Write) -> None:
        """Hand over the bytes of the file, piece by piece."""
        self._index.set_direct_map_type(_faiss().DirectMap.NoMap)  # 8 bytes a row, which readers do not need
        self._whole.ntotal = self._index.ntotal
        _serialize(self._whole, write)

    def nearest(self, queries: Vectors, k: int, admitted: NDArray[np.bool_] | None, n_probes: int) -> Rows:
        """Rows, best first, `(n_queries, k)`; -1 where there are no more in the clusters visited."""
        turned = self._turned(queries)
        largest = np.abs(turned).max(axis=1, keepdims=True)
        turned *= np.float32(_LARGEST) / np.where(largest > 0, largest, np.float32(1))
        is_one, is_exact = len(queries) == 1, n_probes == self.n_clusters
        faiss = _prepared(len(queries) * (n_probes if is_exact else 1))
        self._index.parallel_mode = int(is_one and is_exact)  # threads share the clusters of one query, not the queries
        rows: Rows
        _, rows = self._index.search(_whole_numbers(turned), k, params=_parameters(faiss, n_probes, admitted))
        return rows

    def estimates(self, query: Vectors, rows: Rows) -> NDArray[np.float32]:
        """Inner products of one query `(dim,)` with some rows; `(len(rows),)`."""
        if not len(rows):
            return np.empty(0, np.float32)
        (compared,) = self._compared(query[None])
        many = len(rows) > _MOST_READ
        found = inner_products_of(compared, self._bytes(rows, mapped=many).astype(np.float32))
        found -= _ZERO * compared.sum()
        if many and self._file:
            self._file.let_go()
        return found

    def best(self, queries: Vectors, rows: Rows, k: int) -> Rows:
        """The `k` best of each query's own rows in no order, `(n_queries, k)` of `(n_queries, n)`; -1 is no row.

        Of many queries each thread takes some, and the file is mapped while they do.
        """
        compared, found = self._compared(queries), np.empty((len(rows), k), np.int64)
        n_at_once = min(max(_MOST_READ // rows.shape[1], 1), len(rows))  # queries
        many = rows.size > _MOST_READ

        def fill(begin: int, end: int) -> None:
            numbers = np.empty((n_at_once, rows.shape[1], self.dim), np.float32)  # made anew each time they cost double
            for start in range(begin, end, n_at_once):
                own = rows[start : min(start + n_at_once, end)]
                some, these = slice(start, start + len(own)), numbers[: len(own)]
                np.copyto(these, self._bytes(np.maximum(own, 0).ravel(), mapped=many).reshape(these.shape))
                estimates = np.einsum("qd,qnd->qn", compared[some], these)  # all of a query less the same
                estimates[own < 0] = -np.inf
                best = np.argpartition(estimates, -k, axis=1)[:, -k:]
                found[some] = np.take_along_axis(own, best, axis=1)

        if self._file is None or not many:
            fill(0, len(rows))
            return found
        from concurrent.futures import ThreadPoolExecutor  # one question does without it

        _ = self._places  # found once, not by every thread
        n_threads = min(os.cpu_count() or 1, len(rows), max(_MOST_IN_MEMORY // (n_at_once * rows.shape[1]), 1))
        bounds = np.linspace(0, len(rows), n_threads + 1).astype(int).tolist()
        with ThreadPoolExecutor(n_threads) as pool:
            list(pool.map(fill, bounds[:-1], bounds[1:]))
        self._file.let_go()
        return found

    def _bytes(self, rows: Rows, *, mapped: bool) -> NDArray[np.uint8]:
        """The bytes of some rows, `(n, dim)`; read from the file, or looked at as it is mapped."""
        if self._file is None:
            if self._index.direct_map.no():
                self._index.make_direct_map()
            return (_stored(self._index, rows) + _ZERO).astype(np.uint8)
        data, places = self._file.data, self._places[rows]
        if mapped:
            found: NDArray[np.uint8] = np.lib.stride_tricks.sliding_window_view(data, self.dim)[places]
            return found
        return self._file.parts(data, places.astype(np.int64), np.full(len(places), self.dim)).reshape(-1, self.dim)

    def _turned(self, vectors: Vectors) -> Vectors:
        """Turned by FAISS: threads of numpy's own BLAS would keep the cores busy for a while after that."""
        _prepared(len(vectors))
        turned: Vectors = self._turn.apply(np.ascontiguousarray(vectors, np.float32))
        return turned

    def _compared(self, queries: Vectors) -> Vectors:
        """What queries become so that products with whole numbers are those with vectors."""
        return self._turned(queries) * np.float32(self.step**2)

    @cached_property
    def _places(self) -> NDArray[np.unsignedinteger[Any]]:
        """Where in the file each row begins; `(len(self),)`. Found in 20 ms for a million."""
        file, lists = self._file, self._index.invlists
        if file is None:
            raise RuntimeError("these vectors are in memory")
        filled = [i for i in range(self.n_clusters) if lists.list_size(i)]
        sizes = np.array([lists.list_size(i) for i in filled], np.int64)
        begins, ids = (
            np.array([file.place_of(int(address(i))) for i in filled], np.int64)
            for address in (lists.get_codes, lists.get_ids)
        )
        rows = file.parts(file.data, ids, _ID_BYTES * sizes).view(np.int64)
        places = np.zeros(len(self), np.min_scalar_type(len(file.data)))
        places[rows] = np.repeat(begins, sizes) + self.dim * ranges(np.zeros_like(sizes), sizes)
        return places


class Codes:
    """Vectors in codes of 4 bits for 3 numbers, in clusters alike (FAISS's IVF,PQ4fs); read into memory.

    Vectors are turned so that every three numbers say about as much: neighbours come twice as far up. Each three
    become the nearest of sixteen, so that a few products with a query make all of them.
    """

    def __init__(self, index: Any) -> None:  # noqa: ANN401  faiss has no types
        self._index = index

    @classmethod
    def open(cls, file: MappedFile, of: EightBits) -> Codes:
        """The codes in a file.

        Raises:
            RuntimeError: If FAISS cannot read it.
            ValueError: If they are codes of other vectors.
        """
        faiss, index = _faiss(), _read(file)
        inner = faiss.downcast_index(index.index) if isinstance(index, faiss.IndexPreTransform) else None
        if not isinstance(inner, faiss.IndexIVFPQFastScan) or inner.nlist != of.n_clusters:
            raise ValueError(f"a {type(index).__name__} holds no codes of vectors in {of.n_clusters} clusters")
        if (index.d, index.ntotal) != (of.dim, len(of)):
            raise ValueError(f"{index.ntotal} codes of {index.d} numbers are not those of {len(of)} of {of.dim}")
        file.let_go()  # most of it was copied
        return cls(index)

    @classmethod
    def train(cls, sample: Vectors, centroids: Vectors) -> Codes:
        """Codes without vectors, made from a sample of them and the centroids of their clusters; `(n, dim)` float32."""
        faiss = _prepared(len(sample))
        matrix = dealing(sample, _THREE)
        turn, n_turned = _product_with(matrix), len(matrix)
        clusters = faiss.IndexFlatIP(n_turned)
        clusters.add(turn.apply(np.ascontiguousarray(centroids)))
        kind, n_codes = faiss.METRIC_INNER_PRODUCT, n_turned // _THREE
        codes = faiss.IndexIVFPQFastScan(clusters, n_turned, len(centroids), n_codes, _BITS, kind)
        codes.by_residual = False
        codes.pq.cp.min_points_per_centroid = 1
        codes.train(turn.apply(np.ascontiguousarray(sample)))
        return cls(faiss.IndexPreTransform(turn, codes))

    def add(self, vectors: Vectors) -> None:
        """Append rows; `(n, dim)` float32."""
        _prepared(len(vectors))
        self._index.add(np.ascontiguousarray(vectors, np.float32))

    def serialize(self, write: Write) -> None:
        """Hand over the bytes of the file, piece by piece."""
        _serialize(self._index, write)

    def nearest(self, queries: Vectors, k: int, admitted: NDArray[np.bool_] | None, n_probes: int) -> Rows:
        """Rows that score above 0, best first, `(n_queries, k)`; -1 where no more are in the clusters visited."""
        faiss = _prepared(len(queries))
        parameters = faiss.SearchParametersPreTransform(index_params=_parameters(faiss, n_probes, admitted))
        rows: Rows
        _, rows = self._index.search(np.ascontiguousarray(queries, np.float32), k, params=parameters)
        return rows


def _whole_numbers(vectors: Vectors) -> Vectors:
    """Numbers as whole ones in [-127, 127]; changes the array."""
    return np.rint(np.clip(vectors, -_LARGEST, _LARGEST, out=vectors), out=vectors)


def counted(n: int, admitted: NDArray[np.bool_] | None) -> tuple[int, NDArray[np.bool_] | None]:
    """How many rows are admitted, and None for a filter that admits all."""
    n_admitted = n if admitted is None else int(np.count_nonzero(admitted))
    return n_admitted, None if n_admitted == n else admitted


def _product_with(matrix: Vectors) -> Any:  # noqa: ANN401  faiss has no types
    """What multiplies vectors by a matrix before they come into an index."""
    faiss = _faiss()
    product = faiss.LinearTransform(matrix.shape[1], matrix.shape[0], False)
    faiss.copy_array_to_vector(matrix.ravel(), product.A)
    product.is_trained = True
    return product


def _parameters(faiss: Any, n_probes: int, admitted: NDArray[np.bool_] | None) -> Any:  # noqa: ANN401  faiss has no types
    inside = {} if admitted is None else {"sel": _selector(faiss, admitted)}
    return faiss.SearchParametersIVF(nprobe=n_probes, **inside)


def _selector(faiss: Any, admitted: NDArray[np.bool_]) -> Any:  # noqa: ANN401  faiss has no types
    bitmap = np.packbits(admitted, bitorder="little")
    selector = faiss.IDSelectorBitmap(len(admitted), faiss.swig_ptr(bitmap))
    selector.bits = bitmap  # lives as long as what points to it
    return selector


def _serialize(index: Any, write: Write) -> None:  # noqa: ANN401  faiss has no types
    """Hand over its bytes piece by piece: `serialize_index` has all of them in memory twice."""
    faiss = _faiss()
    faiss.write_index(index, faiss.PyCallbackIOWriter(write))


def _read(file: MappedFile) -> Any:  # noqa: ANN401  faiss has no types
    """The index in a file, over its mapped bytes as far as FAISS can leave them there."""
    faiss = _faiss()
    index = faiss.read_index(faiss.ZeroCopyIOReader(faiss.swig_ptr(file.data), len(file.data)))
    index.referenced_objects = [file]  # lives as long as what points to it
    return index


def _is_within(index: Any, file: MappedFile) -> bool:  # noqa: ANN401  faiss has no types
    """Whether FAISS left the lists of an index where they lie in a file."""
    lists = index.invlists
    filled = next((i for i in range(index.nlist) if lists.list_size(i)), None)  # what is done with one is done with all
    return filled is None or 0 <= file.place_of(int(lists.get_codes(filled))) < len(file.data)


def _stored(index: Any, rows: Rows) -> Vectors:  # noqa: ANN401  faiss has no types
    """Vectors as they stand in an index.

    On one thread: before FAISS 1.15 there are several, and where processes share the cores these wait for each other
    so long that a query takes seconds.
    """
    _prepared(1)
    found: Vectors = index.reconstruct_batch(np.ascontiguousarray(rows, dtype=np.int64))
    return found


def _prepared(n_parts: int) -> Any:  # noqa: ANN401  faiss has no types
    """FAISS with one thread for work of one part, as a usual query is: more make it slower."""
    faiss = _faiss()
    faiss.omp_set_num_threads(1 if n_parts == 1 else os.cpu_count() or 1)
    return faiss


def _faiss() -> Any:  # noqa: ANN401  faiss has no types
    import faiss

    faiss.cvar.distance_compute_blas_threshold = _BLAS_THRESHOLD
    return faiss

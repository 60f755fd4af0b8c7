"""What is drawn on a page besides text: the straight rules that tables are made of, and pictures."""

from dataclasses import dataclass, field

Matrix = tuple[float, float, float, float, float, float]
Point = tuple[float, float]
Box = tuple[float, float, float, float]
"""Left, bottom, right, top."""
MAX_SEGMENTS = 20_000
"""On one page: more make a drawing, and no more rules are collected."""
_MAX_PATH = 2_000
_THIN = 3.0
"""The maximum thickness of a filled box that is a rule."""
_STRAIGHT = 0.7
_SHORTEST = 4.0


@dataclass
class Drawing:
    """Rules and pictures, collected object by object."""

    horizontal: list[Box] = field(default_factory=list)
    vertical: list[Box] = field(default_factory=list)
    pictures: list[Box] = field(default_factory=list)
    paths: int = 0
    texts: int = 0
    """The number of text objects."""
    _segments: int = 0
    _at: Point = (0.0, 0.0)
    _begin: Point = (0.0, 0.0)
    _path: list[tuple[Point, Point]] = field(default_factory=list)

    @property
    def is_full(self) -> bool:
        """Whether the limit on segments has been reached."""
        return self._segments > MAX_SEGMENTS

    def accepts(self, segments: int) -> bool:
        """Whether to process a path with this many segments."""
        self.paths += 1
        self._segments += min(segments, _MAX_PATH) + 1
        return segments <= _MAX_PATH

    @staticmethod
    def combined(inner: Matrix, outer: Matrix) -> Matrix:
        """The matrix of an object in page coordinates, from its own matrix and that of its container."""
        a, b, c, d, e, f = inner
        k, m, n, o, p, q = outer
        return a * k + b * n, a * m + b * o, c * k + d * n, c * m + d * o, e * k + f * n + p, e * m + f * o + q

    def picture(self, matrix: Matrix) -> None:
        """Add a picture, which fills the unit square of its matrix."""
        self.pictures.append(square(matrix))

    def move(self, point: Point, matrix: Matrix) -> None:
        """Start a subpath."""
        self._at = self._begin = _moved(point, matrix)

    def line(self, point: Point, matrix: Matrix, *, is_straight: bool) -> None:
        """Continue the path to a point."""
        to = _moved(point, matrix)
        if is_straight:
            self._path.append((self._at, to))
        self._at = to

    def close(self, _matrix: Matrix) -> None:
        """Close the subpath."""
        self._path.append((self._at, self._begin))
        self._at = self._begin

    def end_path(self, *, is_filled: bool) -> None:
        """Sort the path's lines into rules; a thin filled box is one rule, not two."""
        lines, self._path = self._path, []
        if not lines:
            return
        if is_filled:
            xs = [x for line in lines for x, _ in line]
            ys = [y for line in lines for _, y in line]
            left, bottom, right, top = min(xs), min(ys), max(xs), max(ys)
            if top - bottom <= _THIN or right - left <= _THIN:
                middle_x, middle_y = (left + right) / 2, (bottom + top) / 2
                is_flat = right - left >= top - bottom
                lines = [((left, middle_y), (right, middle_y)) if is_flat else ((middle_x, bottom), (middle_x, top))]
        for (x0, y0), (x1, y1) in lines:
            if abs(y1 - y0) <= _STRAIGHT and abs(x1 - x0) >= _SHORTEST:
                self.horizontal.append((min(x0, x1), (y0 + y1) / 2, max(x0, x1), (y0 + y1) / 2))
            elif abs(x1 - x0) <= _STRAIGHT and abs(y1 - y0) >= _SHORTEST:
                self.vertical.append(((x0 + x1) / 2, min(y0, y1), (x0 + x1) / 2, max(y0, y1)))


def square(matrix: Matrix) -> Box:
    """The box around the unit square of a matrix."""
    xs, ys = zip(*(_moved(corner, matrix) for corner in ((0, 0), (0, 1), (1, 0), (1, 1))), strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def shared(box: Box, page: Box) -> float:
    """The share of a page that a box covers."""
    left, bottom, right, top = page
    width = max(min(box[2], right) - max(box[0], left), 0.0)
    height = max(min(box[3], top) - max(box[1], bottom), 0.0)
    return width * height / max((right - left) * (top - bottom), 1.0)


def _moved(point: Point, matrix: Matrix) -> Point:
    x, y = point
    a, b, c, d, e, f = matrix
    return a * x + c * y + e, b * x + d * y + f

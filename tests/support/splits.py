"""A stream as a network hands it over: the same bytes, cut anywhere."""

from itertools import pairwise

from hypothesis import strategies as st


@st.composite
def splits(draw, data):
    """`data` in chunks; single bytes are as likely as the whole at once."""
    if draw(st.booleans()):
        size = draw(st.integers(1, 7))
        return [data[at : at + size] for at in range(0, len(data), size)]
    points = sorted(draw(st.lists(st.integers(0, len(data)), max_size=8)))
    edges = [0, *points, len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


def copy_of(stream, chunks):
    """All that a `StreamCopy` sends on when these chunks come and the provider then ends."""
    return b"".join([*[stream.feed(chunk) for chunk in chunks], stream.end()])

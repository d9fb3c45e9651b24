"""A page taken apart with the parser of the standard library."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

WITHOUT_END = ("br", "col", "img", "input", "link", "meta")
ADDRESSES = ("src", "href", "srcset", "action", "data", "poster", "xlink:href")


@dataclass
class Page(HTMLParser):
    """The elements of a page with their attributes, and its text. `open`: those not closed;
    `scripts`: what stands in script elements, the kind of each before it."""

    text_of_page: str
    elements: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    open: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    scripts: list[tuple[str | None, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.text_of_page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in WITHOUT_END:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.scripts.append((self.elements[-1][1].get("type"), data))
        elif self.open and self.open[-1] != "style":
            self.texts.append(data)

    @property
    def text(self) -> str:
        """All that stands on the page, in one line."""
        return " ".join(" ".join(self.texts).split())

    def of(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of all elements of a kind."""
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def addresses(self) -> list[str]:
        """Whatever a browser would load: no places within the page."""
        return [
            value or ""
            for _, attributes in self.elements
            for name, value in attributes.items()
            if name in ADDRESSES and not (value or "").startswith("#")
        ]

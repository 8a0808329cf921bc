"""Pieces of the report's page, read again: their tags, ids and texts."""

from html.parser import HTMLParser

__all__ = ["Reader"]


class Reader(HTMLParser):
    """The tags of a piece of a page with their attributes, balanced; its ids, and its text by the tag it stands in."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.ids, self.said = [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == [] and len(set(self.ids)) == len(self.ids)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self.ids += [value for name, value in attributes if name == "id"]
        if tag not in ("meta", "link", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self.ids += [value for name, value in attributes if name == "id"]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.said.append((self.open[-1] if self.open else "", data))

    def text(self, *tags):
        return "".join(data for tag, data in self.said if tag in tags)

"""The exceptions of the golden model: every bad input ends in one of these, with one line that says what is wrong."""

__all__ = ["ConfigError", "FormatError", "InputError", "TansyError"]


class TansyError(ValueError):
    """Base of all errors that Tansy raises on purpose. The message is one line, whatever the names in it."""

    def __init__(self, message=""):
        super().__init__("".join(each if each.isprintable() else repr(each)[1:-1] for each in str(message)))


class ConfigError(TansyError):
    """A parameter, or a combination of parameters, is out of range."""


class InputError(TansyError):
    """Weights or a weight file cannot be used: NaN, wrong type, unreadable, a layer without its scale."""


class FormatError(TansyError):
    """A stream or a ``.tsy`` file is not what ``docs/format.md`` says it must be."""

"""The settings file of an installation as checked, frozen values; and where its home is.

``settings.toml`` holds ``language``, ``name``, ``log_level``, ``key_file``, a ``[screen]`` table
and one ``[[link]]`` table for each link: ``name``, ``kind``, optionally ``price``, ``budget``,
``hours`` and ``clear``, and the keys of that kind. ``[clear]`` says whether messages may be
readable by all, ``[planner]`` how long they wait for a free link, ``[relay]`` what is done for
neighbours, ``[gps]`` where a satellite receiver is. Secrets never stand in it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from crisiskit.errors import CrisiskitError, SettingsError
from crisiskit.forms.words import seconds_of
from crisiskit.i18n import _
from crisiskit.sync.hours import ALWAYS, WINDOWS_MAX, Hours, parse_hours
from crisiskit.sync.patience import Patience

if TYPE_CHECKING:
    from transports.link import LinkKind

FILE_NAME = "settings.toml"
FILE_BYTES_MAX = 65_536
LINKS_MAX = 32
PATIENCE_MAX_S = 7 * 24 * 3600

# A key with thousands of dots would fill the memory of the machine while it is parsed.
_DOTS_MAX = 64
_TOO_MANY_DOTS = re.compile(rf"^(?!\s*#)(?:[^.\n]*\.){{{_DOTS_MAX + 1}}}", re.MULTILINE)
_CLOSE_ENOUGH = 0.6
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`")
_MISSING = re.compile(r"Object missing required field `(.*)`")
_TYPES = re.compile(r"Expected `([^`]*)`, got `([^`]*)`")
_LEAST = re.compile(r"Expected `(?:int|float)` >= (\S+)")
_MOST = re.compile(r"Expected `(?:int|float)` <= (\S+)")
_LINE = re.compile(r" ?\(at line (\d+), column \d+\)")

Find = Callable[[str], "LinkKind"]
Checked = TypeVar("Checked")
# So little that the spending of a day fits the 64 bits of a database.
Micros = Annotated[int, Meta(ge=0, le=10**11)]


class LinkPrice(Struct, frozen=True, forbid_unknown_fields=True):
    """What a link charges, in millionths of ``currency``."""

    credit_micros: Micros = 0
    byte_micros: Micros = 0
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$")] = "EUR"


class LinkBudget(Struct, frozen=True, forbid_unknown_fields=True):
    """The most that a link may cost in a day of UTC: credits, bytes, units of its currency."""

    credits: Annotated[int, Meta(ge=1, le=10**6)] | None = None
    bytes: Annotated[int, Meta(ge=1, le=10**12)] | None = None
    money: Annotated[float, Meta(gt=0, le=10**5)] | None = None


class LinkSettings(Struct, frozen=True):
    """One ``[[link]]`` table. ``options`` is the checked ``Settings`` struct of its kind.

    ``clear``: nothing that goes out by it may be encrypted. ``hours``: when it may be used, by
    local time; without windows always.
    """

    name: str
    kind: str
    price: LinkPrice
    options: Any
    clear: bool = False
    budget: LinkBudget = LinkBudget()
    hours: Hours = ALWAYS

    @property
    def micros(self) -> Mapping[str, int]:
        """The price as ``LinkKind.traits`` takes it."""
        price = self.price
        return {"credit_micros": price.credit_micros, "byte_micros": price.byte_micros}


class ClearSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The ``[clear]`` table. ``allowed``: messages may leave and come in readable by all."""

    allowed: bool = False


class PlannerSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The ``[planner]`` table: how long what is not urgent waits for a free link (``30m``).

    Then it uses what there is. Where no free link is set up, nothing waits for one.
    """

    routine_patience: str = "30m"
    priority_patience: str = "5m"


class RelaySettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The ``[relay]`` table: what a kit does for neighbours who have no way of their own.

    On links that cost it carries what is at least as urgent as ``precedence``, up to
    ``credits_day`` a day, or ``bytes_day`` where bytes are billed; on free links everything.
    """

    allowed: bool = True
    precedence: Literal["routine", "priority", "immediate", "flash"] = "immediate"
    credits_day: Annotated[int, Meta(ge=0, le=100_000)] = 20
    bytes_day: Annotated[int, Meta(ge=0, le=10**9)] = 20_000


class GpsSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The ``[gps]`` table: a receiver on a serial ``port``, or ``gpsd`` at HOST:PORT; or none.

    ``report_every`` is a duration as ``1h``, empty for no reports by time; ``report_moved_m``
    metres from the last place reported, 0 for none by distance; ``report_least`` the least
    time between two reports.
    """

    port: str = ""
    baud: Annotated[int, Meta(ge=300, le=4_000_000)] = 9600
    gpsd: Annotated[str, Meta(pattern=r"^(.{1,255}:\d{1,5})?$")] = ""
    report_every: Annotated[str, Meta(max_length=16)] = ""
    report_moved_m: Annotated[int, Meta(ge=0, le=10_000_000)] = 0
    report_least: Annotated[str, Meta(max_length=16)] = "10m"

    @property
    def used(self) -> bool:
        """Whether there is a receiver."""
        return bool(self.port or self.gpsd)


class ScreenSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """``lock_after_min``: minutes without a key until a screen locks itself, 0 for never.

    None: as is usual, 10 where a passphrase is set.
    """

    lock_after_min: Annotated[float, Meta(ge=0)] | None = None


class Settings(Struct, frozen=True):
    """The whole file. ``links`` is empty where it was loaded without them.

    ``key_file`` is where the key file is, if it does not lie beside the keystore.
    """

    language: str | None
    name: str | None
    log_level: str
    links: tuple[LinkSettings, ...]
    clear: ClearSettings = ClearSettings()
    key_file: str | None = None
    screen: ScreenSettings = ScreenSettings()
    relay: RelaySettings = RelaySettings()
    gps: GpsSettings = GpsSettings()
    patience: Patience = Patience()


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    language: Literal["en", "fr"] | None = None
    name: Annotated[str, Meta(min_length=1, max_length=64)] | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    key_file: Annotated[str, Meta(min_length=1)] | None = None
    screen: ScreenSettings = ScreenSettings()
    link: Annotated[tuple[dict[str, Any], ...], Meta(max_length=LINKS_MAX)] = ()
    clear: ClearSettings = ClearSettings()
    relay: RelaySettings = RelaySettings()
    gps: GpsSettings = GpsSettings()
    planner: PlannerSettings = PlannerSettings()


class _Link(Struct, frozen=True, forbid_unknown_fields=True):
    name: Annotated[str, Meta(pattern=r"^[\w.-]{1,32}$")]
    kind: Annotated[str, Meta(min_length=1)]
    price: LinkPrice = LinkPrice()
    clear: bool = False
    budget: LinkBudget = LinkBudget()
    hours: str | tuple[str, ...] = ()


def common_keys() -> type[Struct]:
    """The keys that the table of every link may have, whatever its kind."""
    return _Link


def home_dir(option: str | Path | None = None) -> Path:
    """Where an installation lives: ``--home``, else CRISISKIT_HOME, else this platform's place."""
    chosen = option or os.environ.get("CRISISKIT_HOME")
    if chosen:
        return Path(chosen).expanduser().absolute()
    from platformdirs import user_data_path

    return user_data_path("crisiskit", appauthor=False)


def load(home: Path, *, links: bool = True, find: Find | None = None) -> Settings:
    """The settings of the installation in ``home``.

    ``links=False`` leaves the link tables unread, for commands that use no link: no kind of
    link is imported then. ``find`` gives a kind by name; ``transports.catalog.find`` if None.

    Raises CrisiskitError ``home_missing``, SettingsError ``settings_...``, ``link_kind_...``.
    """
    if not home.is_dir():
        raise CrisiskitError("home_missing", path=home)
    path = home / FILE_NAME
    reader = _Reader(path)
    file = reader.convert(_parse(path), _File, "")
    found: tuple[LinkSettings, ...] = ()
    if links and file.link:
        found = _links(path, file.link, find or _find_kind)
    return Settings(
        file.language,
        file.name,
        file.log_level,
        found,
        file.clear,
        file.key_file,
        file.screen,
        file.relay,
        file.gps,
        _patience(reader, file.planner),
    )


def _parse(path: Path) -> dict[str, Any]:
    import tomllib

    try:
        with path.open("rb") as source:
            raw = source.read(FILE_BYTES_MAX + 1)
    except FileNotFoundError:
        raise SettingsError("settings_not_found", path=path) from None
    except OSError as error:
        raise SettingsError("file_unreadable", path=path, detail=error.strerror) from None
    if len(raw) > FILE_BYTES_MAX:
        raise SettingsError("file_too_large", path=path, limit=FILE_BYTES_MAX)
    try:
        text = raw.decode("utf-8-sig")
        if deep := _TOO_MANY_DOTS.search(text):
            raise _too_deep(path, text.count("\n", 0, deep.start()) + 1)
        return tomllib.loads(text)
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise SettingsError(
            "settings_syntax", path=path, line=line, detail=_("it is not UTF-8 text")
        ) from None
    except ValueError as error:
        place = _LINE.search(str(error))
        line = int(place[1]) if place else raw.count(b"\n") + 1
        detail = _LINE.sub("", str(error)).removesuffix(" (at end of document)")
        raise SettingsError("settings_syntax", path=path, line=line, detail=detail) from None
    except RecursionError:
        raise _too_deep(path, 1) from None


def _too_deep(path: Path, line: int) -> SettingsError:
    return SettingsError("settings_syntax", path=path, line=line, detail=_("it is nested too deep"))


def _links(path: Path, tables: tuple[dict[str, Any], ...], find: Find) -> tuple[LinkSettings, ...]:
    reader = _Reader(path)
    found: list[LinkSettings] = []
    common = _Link.__struct_fields__
    for place, table in enumerate(tables):
        where = f"link[{place}]"
        own = {key: value for key, value in table.items() if key not in common}
        head = {key: value for key, value in table.items() if key in common}
        link = reader.convert(head, _Link, where)
        if any(link.name == other.name for other in found):
            raise reader.wrong(f"{where}.name", _("is the name of another link already"))
        kind = _kind(link.kind, find)
        options = reader.convert(own, kind.Settings, where, common)
        hours = _hours(reader, f"{where}.hours", link.hours)
        found.append(
            LinkSettings(link.name, link.kind, link.price, options, link.clear, link.budget, hours)
        )
    return tuple(found)


def _hours(reader: _Reader, key: str, words: str | tuple[str, ...]) -> Hours:
    windows = (words,) if isinstance(words, str) else words
    try:
        if len(windows) > WINDOWS_MAX:
            raise ValueError(windows)
        return parse_hours(windows)
    except ValueError:
        raise reader.wrong(key, _("must be hours such as 06:00-22:00, or a list")) from None


def _patience(reader: _Reader, table: PlannerSettings) -> Patience:
    found = []
    for key in ("routine_patience", "priority_patience"):
        seconds = 0 if (word := getattr(table, key)) in ("0", "") else seconds_of(word)
        if seconds is None or seconds > PATIENCE_MAX_S:
            raise reader.wrong(f"planner.{key}", _("must be a time such as 30m or 2h, or 0"))
        found.append(float(seconds))
    return Patience(*found)


def _find_kind(name: str) -> LinkKind:
    from transports.catalog import find

    return find(name)


def _kind(name: str, find: Find) -> LinkKind:
    try:
        return find(name)
    except KeyError as error:
        known = ", ".join(getattr(error, "known", ()))
        raise SettingsError("link_kind_unknown", kind=name, known=known) from None
    except Exception as error:
        why = f"{type(error).__name__}: {error}"
        raise SettingsError("link_kind_broken", kind=name, why=why) from error


class _Reader:
    """Turns parsed tables into structs, and what is wrong with them into a SettingsError."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def convert(
        self, table: object, wanted: type[Checked], where: str, also: tuple[str, ...] = ()
    ) -> Checked:
        """``table`` as ``wanted``. ``where`` is its name, ``also`` more keys known there."""
        try:
            return msgspec.convert(table, wanted)
        except msgspec.ValidationError as error:
            if told := _told(error):
                raise self.wrong(_below(where, told[0]), told[1]) from None
            message, _at, inner = str(error).partition(" - at `$")
            key = f"{where}{inner.rstrip('`')}".lstrip(".")
            if unknown := _UNKNOWN.fullmatch(message):
                known = () if inner else (*also, *getattr(wanted, "__struct_fields__", ()))
                raise self.unknown(key, unknown[1], known) from None
            if missing := _MISSING.fullmatch(message):
                raise self.wrong(_below(key, missing[1]), _("is missing")) from None
            raise self.wrong(key or FILE_NAME, _why(message)) from None

    def wrong(self, key: str, why: str) -> SettingsError:
        """The error for a value that cannot be used."""
        return SettingsError("settings_wrong_value", path=self.path, key=key, why=why)

    def unknown(self, where: str, name: str, known: tuple[str, ...]) -> SettingsError:
        """The error for a key that does not exist, with the one that was perhaps meant."""
        from difflib import get_close_matches

        hint = _("Correct it or take it out.")
        if close := get_close_matches(name, known, 1, _CLOSE_ENOUGH):
            hint = _("Did you mean “{key}”?").format(key=close[0])
        elif known:
            hint = _("The keys there are: {keys}.").format(keys=", ".join(sorted(known)))
        key = _below(where, name)
        return SettingsError("settings_unknown_key", path=self.path, key=key, hint=hint)


def _below(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


def _told(error: msgspec.ValidationError) -> tuple[str, str] | None:
    """The key and the sentence, where a link's own check found what is wrong."""
    from crisiskit.sentences.links import SETTING_REASONS
    from transports.common import WrongSetting

    cause = error.__cause__
    if not isinstance(cause, WrongSetting):
        return None
    # A link of somebody else may know reasons that have no sentence here.
    return cause.key, _(SETTING_REASONS.get(cause.reason, cause.reason))


def _why(message: str) -> str:
    """What msgspec found, in people's words where they are known."""
    if found := _TYPES.fullmatch(message):
        names = {
            "int": _("a whole number"),
            "float": _("a number"),
            "str": _("text in quotes"),
            "bool": _("true or false"),
            "array": _("a list"),
            "object": _("a table"),
        }
        wanted = [names.get(name, name) for name in found[1].split(" | ") if name != "null"]
        wish = _(" or ").join(wanted)
        return _("must be {wish}, not {found}").format(
            wish=wish, found=names.get(found[2], found[2])
        )
    if least := _LEAST.fullmatch(message):
        return _("must be {limit} or more").format(limit=least[1])
    if most := _MOST.fullmatch(message):
        return _("must be {limit} or less").format(limit=most[1])
    return _("has a value that is not allowed ({detail})").format(detail=message)

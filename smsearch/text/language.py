"""Which language a text is in, and language tags in one spelling.

The work is done by py3langid (its pick and the confidence below: `benchmarks/languages.md`). It loads on
first use, in about half a second; nothing is ever downloaded.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from threading import Lock

from smsearch.records import UNKNOWN_LANG

# Below this confidence a text of 15 to 25 characters is told wrongly too often (2 % above it).
_LEAST_CONFIDENCE = 0.5
_LEAST_CHANCE = 0.01
# XQuAD paragraphs cut to 150 characters are told apart as well as whole ones.
_LOOKED_AT = 400
_CLEANED = 4000
_REMEMBERED = 8192  # a section and its first passage often start alike

_known: dict[str, str] = {}
_lock = Lock()

_ADDRESS = re.compile(r"(?:https?|ftp)://\S+|\bwww\.\S+|[\w.+-]{1,64}@[\w-]{1,64}(?:\.[\w-]{1,64})*|@\w+")

_OF_ADDRESSES = ("@", "://", "www.")  # an address has one of these; looking for them is ten times as fast

_SCRIPTS = {
    "el": r"\u0370-\u03ff\u1f00-\u1fff",
    "hy": r"\u0530-\u058f",
    "he": r"\u0590-\u05ff\ufb1d-\ufb4f",
    "pa": r"\u0a00-\u0a7f",
    "gu": r"\u0a80-\u0aff",
    "or": r"\u0b00-\u0b7f",
    "ta": r"\u0b80-\u0bff",
    "te": r"\u0c00-\u0c7f",
    "kn": r"\u0c80-\u0cff",
    "ml": r"\u0d00-\u0d7f",
    "si": r"\u0d80-\u0dff",
    "th": r"\u0e00-\u0e7f",
    "lo": r"\u0e80-\u0eff",
    "my": r"\u1000-\u109f",
    "ka": r"\u10a0-\u10ff\u1c90-\u1cbf",
    "km": r"\u1780-\u17ff",
    "ko": r"\u1100-\u11ff\u3130-\u318f\uac00-\ud7ff",
    "ja": r"\u3041-\u30ff\u31f0-\u31ff\uff66-\uff9f",
    "zh": r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff",
}
_SCRIPT = re.compile("|".join(f"(?P<{lang}>[{letters}]+)" for lang, letters in _SCRIPTS.items()))
_ANY_SCRIPT = re.compile(f"[{''.join(_SCRIPTS.values())}]")
_FEWEST_LETTERS = 2
# Shorter, Han alone may be Japanese.
_FEWEST_HAN = 8
# A little Kana decorates Chinese; in Japanese it is half of the text.
_FEWEST_KANA = 0.1

# ISO 639-1 and 639-3 written together.
_ISO_639 = (
    "aaaar ababk aeave afafr akaka amamh anarg arara asasm avava ayaym azaze babak bebel bgbul bibis "
    "bmbam bnben bobod brbre bsbos cacat ceche chcha cocos crcre csces cuchu cvchv cycym dadan dedeu "
    "dvdiv dzdzo eeewe elell eneng eoepo esspa etest eueus fafas ffful fifin fjfij fofao frfra fyfry "
    "gagle gdgla glglg gngrn guguj gvglv hahau heheb hihin hohmo hrhrv hthat huhun hyhye hzher iaina "
    "idind ieile igibo iiiii ikipk ioido isisl itita iuiku jajpn jvjav kakat kgkon kikik kjkua kkkaz "
    "klkal kmkhm knkan kokor krkau kskas kukur kvkom kwcor kykir lalat lbltz lglug lilim lnlin lolao "
    "ltlit lulub lvlav mgmlg mhmah mimri mkmkd mlmal mnmon mrmar msmsa mtmlt mymya nanau nbnob ndnde "
    "nenep ngndo nlnld nnnno nonor nrnbl nvnav nynya ococi ojoji omorm orori ososs papan pipli plpol "
    "pspus ptpor quque rmroh rnrun roron rurus rwkin sasan scsrd sdsnd sesme sgsag shhbs sisin skslk "
    "slslv smsmo snsna sosom sqsqi srsrp ssssw stsot susun svswe swswa tatam tetel tgtgk ththa titir "
    "tktuk tltgl tntsn toton trtur tstso tttat twtwi tytah uguig ukukr ururd uzuzb veven vivie vovol "
    "wawln wowol xhxho yiyid yoyor zazha zhzho zuzul "
    # the library spellings of ISO 639-2, and single languages of a larger one
    "botib cscze cywel deger elgre eubaq faper frfre hyarm isice kageo mkmac mimao msmay mybur nldut "
    "rorum skslo sqalb zhchi ararb azazj etekk fapes gngug hehbo kukmr lvlvs mgplt mnkhk mszsm nenpi "
    "orory pspbt sqals swswh uzuzn yiydd zhcmn"
)
_LONG_CODES = {pair[2:]: pair[:2] for pair in _ISO_639.split()}
_SHORT_CODES = frozenset(_LONG_CODES.values())
_REPLACED = {"no": "nb", "sh": "sr", "iw": "he", "in": "id", "ji": "yi", "jw": "jv", "mo": "ro"}
_NO_LANGUAGE = frozenset({"mis", "mul", "und", "zxx"})
_DETECTED_AS = {"arz": "ar", "ary": "ar", "fuv": "ff", "sdh": "ku", "uzs": "uz", "wuu": "zh", "yue": "zh"}
_TAG = re.compile(r"([a-z]{2,3})((?:-[a-z0-9]{1,8})*)")


def detect_languages(texts: Sequence[str]) -> list[str]:
    """The language of each text, in the order given, as a BCP 47 tag.

    Addresses (URLs, e-mail, `@names`) do not count, and only the first 400 characters that remain are
    looked at. A script that belongs to one language decides by itself, even on two letters (Hebrew
    script is always `he`); elsewhere a short or mixed text is often `und`. The kinds of Chinese are
    all `zh`, those of Arabic `ar`; Norwegian is `nb` or `nn`.

    Returns:
        One tag per text: ISO 639-1 where there is a code, else ISO 639-3; `und` without letters or
        when unsure. The same text always gives the same tag. Empty input gives an empty list.

    Examples:
        >>> detect_languages(["Hur mår du idag, min vän?", "東京へ行きます", "http://example.org/"])
        ['sv', 'ja', 'und']
    """
    seen = [without_addresses(text[:_CLEANED]).strip()[:_LOOKED_AT] for text in texts]
    with _lock:
        new = list(dict.fromkeys(each for each in seen if each not in _known))
        if len(_known) + len(new) > _REMEMBERED:
            _known.clear()
            new = list(dict.fromkeys(seen))
        _known.update(zip(new, _detect(new), strict=True))
        return [_known[each] for each in seen]


def language_chances(texts: Sequence[str]) -> list[dict[str, float]]:
    """How likely each language is for each text; primary tags with chances of at least 0.01, in no particular order.

    For short texts such as queries, whose language `detect_languages` often leaves open.

    Returns:
        One mapping per text; empty where there are no letters.
    """
    seen = [without_addresses(text[:_CLEANED]).strip()[:_LOOKED_AT] for text in texts]
    scripts = [_by_script(text) if _has_letters(text) else UNKNOWN_LANG for text in seen]
    found: list[dict[str, float]] = [{} if lang == UNKNOWN_LANG else {str(lang): 1.0} for lang in scripts]
    open_ones = [i for i, lang in enumerate(scripts) if lang is None]
    if open_ones:
        from smsearch.text.identifier import identifier

        for i, chances in zip(open_ones, identifier().chances([seen[i] for i in open_ones]), strict=True):
            found[i] = {}
            for label, chance in chances.items():
                lang = _DETECTED_AS.get(label) or normalise_lang(label)
                if chance >= _LEAST_CHANCE:
                    found[i][lang] = found[i].get(lang, 0.0) + chance
    return found


def normalise_lang(tag: str) -> str:
    """A language tag in canonical spelling: `zh-Hant-TW`, `sv-SE`, `nb`.

    Accepts underscores, any case, and POSIX locales (`sv_SE.UTF-8`). Codes of three letters become those
    of two where there are any, `no` becomes `nb`, withdrawn codes their successors.

    Returns:
        The tag, or `und` for what is no tag or names no language (`mul`, `zxx`, `english`, ``C``).

    Examples:
        >>> [normalise_lang(tag) for tag in ("no", "SWE", "zh_hant_tw", "??")]
        ['nb', 'sv', 'zh-Hant-TW', 'und']
    """
    plain = re.split("[.@]", tag.strip(), maxsplit=1)[0].replace("_", "-").lower()
    found = _TAG.fullmatch(plain)
    if found is None:
        return UNKNOWN_LANG
    lang = _LONG_CODES.get(found[1], found[1])
    lang = _REPLACED.get(lang, lang)
    if lang in _NO_LANGUAGE or (len(lang) == len("xx") and lang not in _SHORT_CODES):
        return UNKNOWN_LANG
    return lang + "".join(map(_subtag, found[2].split("-")[1:]))


def without_addresses(text: str) -> str:
    """A text without URLs, e-mail addresses and `@names`."""
    return _ADDRESS.sub(" ", text) if any(mark in text for mark in _OF_ADDRESSES) else text


def _subtag(subtag: str) -> str:
    """A subtag with its hyphen: Script, REGION, or variant."""
    if len(subtag) == len("Latn") and subtag.isalpha():
        return f"-{subtag.title()}"
    return f"-{subtag.upper()}" if len(subtag) == len("SE") else f"-{subtag}"


def _detect(texts: Sequence[str]) -> list[str]:
    found = [_by_script(text) if _has_letters(text) else UNKNOWN_LANG for text in texts]
    open_ones = [i for i, lang in enumerate(found) if lang is None]
    if open_ones:
        from smsearch.text.identifier import identifier

        for i, (tag, confidence) in zip(open_ones, identifier().classify([texts[i] for i in open_ones]), strict=True):
            found[i] = _DETECTED_AS.get(tag) or normalise_lang(tag) if confidence >= _LEAST_CONFIDENCE else UNKNOWN_LANG
    return [str(lang) for lang in found]


def _has_letters(text: str) -> bool:
    """Whether there are enough to tell a language by."""
    return len(list(islice(filter(str.isalpha, text), _FEWEST_LETTERS))) == _FEWEST_LETTERS


def _by_script(text: str) -> str | None:
    """The language that owns the script of most of the text; None where no language does."""
    if not _ANY_SCRIPT.search(text):
        return None
    counts: Counter[str] = Counter()
    for run in _SCRIPT.finditer(text):
        counts[str(run.lastgroup)] += len(run[0])
    _share_han(counts)
    lang, count = max(counts.items(), key=lambda pair: pair[1])
    others = sum(map(str.isalpha, _SCRIPT.sub("", text)))
    if 2 * count <= counts.total() + others or (lang == "zh" and count < _FEWEST_HAN):
        return None
    return lang


def _share_han(counts: Counter[str]) -> None:
    """Count Han as Japanese where there is enough Kana beside it, else Kana as Chinese."""
    kana, han = counts["ja"], counts["zh"]
    owner, other = ("ja", "zh") if kana > _FEWEST_KANA * (kana + han) else ("zh", "ja")
    counts[owner] += counts.pop(other, 0)

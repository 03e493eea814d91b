"""Lines of a post that its author did not write: comment forms, navigation, pingbacks, link lists.

The text is never changed; the functions name the stretches to leave out of the passages.
The phrases are those of WordPress, Blogger and Disqus in the languages they are most used in.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator

from smsearch.records import Span
from smsearch.text.lines import Line, fold_line, iter_lines

_COMMENT_FORM = (
    # asking for a comment
    r"(?:leave|post|add|write|submit) (?:a |your )?(?:reply|comment)(?: cancel reply)?",
    r"cancel reply|post comment|submit comment",
    r"(?:lämna|skriv) (?:ett svar|en kommentar)(?: avbryt svar)?|kommentera(?: inlägget)?",
    r"skriv (?:et svar|en kommentar)(?: annuller svar)?|tilføj kommentar",
    r"legg (?:igjen|inn) en kommentar|avbryt svar",
    r"jätä (?:vastaus|kommentti)|peruuta vastaus|kirjoita kommentti",
    r"schreibe? einen kommentar|hinterlasse? (?:eine antwort|einen kommentar)|antwort hinterlassen"
    r"|kommentar (?:schreiben|verfassen|hinterlassen)|antworten abbrechen",
    r"laisser un commentaire|annuler la réponse|poster un commentaire",
    r"deja (?:una respuesta|un comentario)|cancelar la respuesta|publicar un comentario",
    r"deixe (?:uma resposta|um comentário)|cancelar resposta|enviar um comentário|postar um comentário",
    r"lascia un commento|annulla risposta|posta un commento",
    r"(?:geef|laat) een reactie(?: achter)?|reactie annuleren|een reactie posten",
    r"dodaj komentarz|anuluj pisanie odpowiedzi|prześlij komentarz",
    r"(?:добавить|оставить|отправить) комментарий|отменить ответ",
    r"yorum (?:yapın|gönder)|bir (?:cevap|yanıt) yazın",
    r"コメントを(?:残す|投稿|書く)|コメントをキャンセル|发表(?:评论|回复)|取消回复|發表(?:迴響|留言)",
    r"댓글 남기기|답글 취소",
    # logging in
    r"fill in your details below or click an icon to log in:?",
    r"fyll i dina uppgifter nedan eller klicka på en ikon för att logga in:?",
    r"udfyld dine oplysninger nedenfor eller klik på et ikon for at logge ind:?",
    r"trage deine daten unten ein oder klicke ein icon um dich einzuloggen:?",
    r"(?:wordpress\.com|google\+?|twitter|facebook|gravatar|x)[ -]"
    r"(?:logo|photo|picture|bild|foto|logga|logotyp|billede)",
    r"you are commenting using your .{1,60}account\..{0,60}",
    r"du kommenterar med ditt .{1,60}konto\..{0,60}",
    r"du kommenterer med din .{1,60}konto\..{0,60}",
    r"du kommentierst mit (?:hilfe )?deine[sm] .{1,60}konto[s.]?.{0,60}",
    r"\(?\s*(?:log out|logga ut|log ud|logg ut|abmelden|kirjaudu ulos|déconnexion|cerrar sesión|sair|esci)"
    r"\s*/\s*(?:change|ändra|skift|endre|ändern|muuta|changer|cambiar|alterar|modifica)\s*\)?",
    r"(?:connecting to|ansluter till|opretter forbindelse til|verbinde mit) %s",
    # e-mail, cookies, spam
    r"(?:\* )?your e-?mail (?:address )?(?:will not|won't|is never|will never).{0,120}",
    r"din e-postadress (?:kommer inte|publiceras inte|visas inte).{0,120}",
    r"din e-?mail(?:adresse)? (?:vil ikke blive|bliver ikke) (?:publiceret|offentliggjort|vist).{0,120}",
    r"(?:e-postadressen din|din e-postadresse) (?:vil ikke bli|blir ikke) (?:publisert|synlig|vist).{0,120}",
    r"sähköpostiosoitettasi ei julkaista.{0,120}",
    r"(?:deine|ihre) e-mail-adresse wird nicht veröffentlicht.{0,120}",
    r"votre adresse (?:e-mail|courriel|de messagerie) ne sera pas publiée.{0,120}",
    r"tu dirección de correo electrónico no será publicada.{0,120}",
    r"o (?:seu|teu) endereço de e-?mail não será publicado.{0,120}",
    r"il tuo indirizzo e-?mail non sarà pubblicato.{0,120}",
    r"(?:je|uw|het) e-mailadres (?:wordt|zal) niet (?:gepubliceerd|worden gepubliceerd).{0,120}",
    r"twój adres e-?mail nie zostanie opublikowany.{0,120}",
    r"ваш (?:адрес )?e-?mail не будет опубликован.{0,120}",
    r"メールアドレスが公開されることはありません.{0,80}|您的(?:电子)?邮箱(?:地址)?不会被公开.{0,80}"
    r"|發佈留言必須填寫的電子郵件地址不會公開.{0,80}|이메일 (?:주소는|은) 공개되지 않습니다.{0,80}",
    r"(?:required fields are marked|obligatoriska fält är märkta|krævede felter er markeret med"
    r"|obligatoriske felt er merket med|erforderliche felder sind mit|les champs obligatoires sont indiqués avec"
    r"|los campos obligatorios están marcados con|i campi obbligatori sono contrassegnati).{0,40}",
    r"(?:this site uses|denna webbplats använder|denne side bruger|denne siden bruker|diese website verwendet"
    r"|ce site utilise|este sitio usa|este site utiliza|questo sito (?:usa|utilizza)|deze site gebruikt"
    r"|tämä sivusto käyttää|ta strona używa) akismet.{0,160}",
    r"このサイトはスパムを低減するために akismet を使っています.{0,80}",
    r"save my name,? e-?mail,? and website in this browser.{0,80}",
    r"spara (?:mitt )?namn,? (?:min )?e-postadress och webbplats i denna webbläsare.{0,80}",
    r"gem mit navn,? (?:min )?mail og websted i denne browser.{0,80}",
    r"meinen namen,? (?:meine )?e-mail(?:-adresse)? und (?:meine )?website in diesem browser.{0,80}",
    r"notify me (?:of|via).{0,80}(?:comments|posts).{0,40}|meddela mig om nya (?:inlägg|kommentarer).{0,40}"
    r"|giv mig besked.{0,60}|benachrichtige mich über.{0,80}",
)

_NAVIGATION = (
    r"(?:till|til) toppen|(?:back )?to (?:the )?top|(?:zurück )?nach oben|haut de page|retour en haut"
    r"|volver arriba|torna su|terug naar boven|takaisin ylös|voltar ao topo|ページの先頭へ|トップへ戻る|返回顶部",
    r"(?:%d|\d+) bloggers? likes? this:?|\d+ bloggare gillar detta:?|\d+ bloggere synes godt om dette:?",
    r"(?:share|like) this:?|dela det här:?|gilla detta:?|del dette:?|synes godt om.{0,20}|teilen mit:?|gefällt mir:?",
    r"click to (?:share|email|print).{0,80}|klicka för att dela.{0,80}|klik for at dele.{0,80}",
    r"loading(?:\.\.\.|…)|laddar in(?:\.\.\.|…)|indlæser(?:\.\.\.|…)|lade(?: ich)?(?:\.\.\.|…)",
    r"[←«]? ?(?:older|previous) (?:posts?|entries)|(?:newer|next) (?:posts?|entries) ?[→»]?"
    r"|äldre inlägg|nyare inlägg|ældre indlæg|nyere indlæg|ältere beiträge|neuere beiträge",
    r"skip to (?:main )?content|hoppa till innehåll|gå til indhold|zum inhalt springen",
)

_PINGBACK = (
    r"(?:ping|track)backs?:.*",
    r"\[(?:…|\.\.\.)\].*\[(?:…|\.\.\.)\]",
)

_LINK = r"(?:(?:https?|ftp)://|www\.)\S+"


def _one_of(patterns: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns))


_RULES = (
    ("comment form", _one_of(_COMMENT_FORM)),
    ("navigation", _one_of(_NAVIGATION)),
    ("pingback", _one_of(_PINGBACK)),
    ("links", re.compile(_LINK)),
)

_LETTER_OR_DIGIT = re.compile(r"[^\W_]")
_LONGEST_RULE = 400
_LONGEST_RECURRING = 200
_FEWEST_DOCUMENTS = 4


def find_boilerplate(text: str, recurring: frozenset[str] = frozenset()) -> list[Span]:
    """The lines of a text that are boilerplate, in order.

    A line that holds no letter or digit and touches a comment form belongs to the form.

    Args:
        text: The text.
        recurring: Lines, folded, that recur across the source (see `recurring_lines`).
    """
    found: list[Span] = []
    pending: Line | None = None
    is_in_form = False
    for line in iter_lines(text):
        if not line.text:
            continue
        reason = _reason(line, recurring)
        if reason:
            if pending and reason == "comment form":
                found.append(Span(pending.start, pending.end, reason))
            found.append(Span(line.start, line.end, reason))
            pending, is_in_form = None, reason == "comment form"
        elif _is_ornament(line.text):
            if is_in_form:
                found.append(Span(line.start, line.end, "comment form"))
            else:
                pending = line
        else:
            pending, is_in_form = None, False
    return found


def recurring_lines(texts: Iterable[str]) -> frozenset[str]:
    """Lines, folded, that stand in more than half of the texts (and in at least four of them).

    Only lines of at most 200 characters count: menus and footers, not prose.
    """
    counts: Counter[str] = Counter()
    n_texts = 0
    for text in texts:
        n_texts += 1
        counts.update(set(_short_lines(text)))
    fewest = max(_FEWEST_DOCUMENTS, n_texts // 2 + 1)
    return frozenset(line for line, count in counts.items() if count >= fewest)


def recurring_in(text: str, recurring: frozenset[str]) -> list[str]:
    """Those of the recurring lines that this text holds, sorted."""
    return sorted(recurring.intersection(_short_lines(text))) if recurring else []


def _short_lines(text: str) -> Iterator[str]:
    for line in iter_lines(text):
        if line.text and len(line.text) <= _LONGEST_RECURRING and not _is_ornament(line.text):
            yield fold_line(line.content)


def _reason(line: Line, recurring: frozenset[str]) -> str:
    if len(line.text) > _LONGEST_RULE:
        return ""
    folded = fold_line(line.content)
    for reason, pattern in _RULES:
        if pattern.fullmatch(folded):
            return reason
    return "recurring" if folded in recurring else ""


def _is_ornament(text: str) -> bool:
    return _LETTER_OR_DIGIT.search(text) is None

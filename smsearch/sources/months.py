"""Names of months and days of the week in the main languages of Europe, as data."""

from __future__ import annotations

_MONTHS = """
january february march april may june july august september october november december
jan feb mar apr may jun jul aug sep oct nov dec
januari februari mars april maj juni juli augusti september oktober november december
januar februar marts april maj juni juli august september oktober november december
jänner februar märz april mai juni juli august september oktober november dezember
jan feb mär apr mai jun jul aug sept okt nov dez
januari februari maart april mei juni juli augustus september oktober november december
janvier février mars avril mai juin juillet août septembre octobre novembre décembre
janv févr mars avr mai juin juil août sept oct nov déc
enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre
ene feb mar abr may jun jul ago sep oct nov dic
janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro
jan fev mar abr mai jun jul ago set out nov dez
gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre
gen feb mar apr mag giu lug ago set ott nov dic
tammikuuta helmikuuta maaliskuuta huhtikuuta toukokuuta kesäkuuta heinäkuuta elokuuta syyskuuta lokakuuta \
marraskuuta joulukuuta
stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października listopada grudnia
janúar febrúar mars apríl maí júní júlí ágúst september október nóvember desember
jan feb mar apr mai jun jul aug sep okt nov des
января февраля марта апреля мая июня июля августа сентября октября ноября декабря
"""

_DAYS = """
monday tuesday wednesday thursday friday saturday sunday mon tue tues wed thu thur thurs fri sat sun
måndag tisdag onsdag torsdag fredag lördag söndag mån tis ons tors fre lör sön
mandag tirsdag onsdag torsdag fredag lørdag søndag man tir tor lør søn
montag dienstag mittwoch donnerstag freitag samstag sonnabend sonntag mo di mi do fr sa so
maandag dinsdag woensdag donderdag vrijdag zaterdag zondag
lundi mardi mercredi jeudi vendredi samedi dimanche
lunes martes miércoles jueves viernes sábado domingo
segunda terça quarta quinta sexta feira
lunedì martedì mercoledì giovedì venerdì sabato domenica
maanantaina tiistaina keskiviikkona torstaina perjantaina lauantaina sunnuntaina
poniedziałek wtorek środa czwartek piątek sobota niedziela
mánudagur þriðjudagur miðvikudagur fimmtudagur föstudagur laugardagur sunnudagur
понедельник вторник среда четверг пятница суббота воскресенье
"""

_FILLERS = "den de del d the of on le il a kl at um uhr klo г st nd rd th er am pm"

MONTHS: dict[str, int] = {
    name: number for line in _MONTHS.strip().splitlines() for number, name in enumerate(line.split(), start=1)
}
"""Number of the month by its lower-case name or abbreviation."""

DATE_WORDS: frozenset[str] = frozenset(_DAYS.split()) | frozenset(_FILLERS.split())
"""Lower-case words that may stand in a written date and say nothing."""

"""Words that keys of an API are made of: French ones with their English, and English ones that need no dictionary.

The French words are no English ones; each stands for what a contract may call it, so a French key counts only where
the contract has the English one. The English words guard the other way: a key made of them is English, whatever a
contract calls the thing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

FRENCH: Mapping[str, str] = {
    "abonne": "subscriber",
    "achat": "purchase",
    "actif": "active enabled",
    "adresse": "address",
    "annonce": "announcement",
    "annee": "year",
    "annule": "cancelled",
    "auteur": "author",
    "batiment": "building",
    "capacite": "capacity",
    "chambre": "room",
    "cle": "key",
    "commande": "order",
    "commentaire": "comment",
    "compte": "account",
    "contenu": "content text body",
    "corps": "body",
    "courriel": "email",
    "couleur": "color colour",
    "debut": "start starts from since",
    "donnees": "data",
    "duree": "duration",
    "employe": "employee",
    "entreprise": "company",
    "equipement": "equipment",
    "erreur": "error",
    "etage": "floor",
    "etat": "state status",
    "facture": "invoice",
    "fichier": "file",
    "fournisseur": "supplier provider",
    "heure": "hour time",
    "horaire": "schedule",
    "jeton": "token",
    "jour": "day date",
    "langue": "language lang",
    "libelle": "label",
    "lieu": "place location",
    "livraison": "delivery",
    "modifie": "updated modified changed",
    "mois": "month",
    "montant": "amount total",
    "nom": "name",
    "nombre": "count number total",
    "numero": "number",
    "ordre": "order",
    "organisateur": "organiser organizer",
    "paiement": "payment",
    "pays": "country",
    "poids": "weight",
    "prenom": "firstname first",
    "prix": "price",
    "produit": "product",
    "quantite": "quantity",
    "reponse": "response answer reply",
    "resultat": "result results",
    "resume": "summary",
    "rue": "street",
    "salle": "room",
    "statut": "status",
    "supprime": "deleted removed",
    "taille": "size",
    "telephone": "phone telephone",
    "texte": "text",
    "titre": "title",
    "utilisateur": "user",
    "valeur": "value",
    "ville": "city town",
}
"""French word without accents -> the English words that a contract may have for it."""

_ENGLISH = """
about absent accept accepted access account action active activity actor added address admin after agent alert
alias allowed amenities amount amounts answer answers applied approved archived area arrival article asked asset
assigned attached attempt attempts attendee audience author available avatar average balance batch before begin
begins begun billing birth blocked board body booked booking brand bucket build buyer cached called cancel
canceled cancelled capability capacity caption card cart category cause cents chain change changed changes channel
charge check checked child children choice city claim class client clock close closed closes code codes color
colour column comment company complete completed confirmed contact content contents context cost costs count
counter country course created creator credit currency current cursor customer daily data date dates deadline
default delay deleted delivered delivery depth description detail details device digest digits direction disabled
discount display distance district doctor document done draft driver duration earliest edited elapsed email
employee empty enabled end ended ending ends entity entries entry enum environment error errors estimate event
events exact excerpt expected expired expires expiry extra failed failure family feature features field fields
file filename files filter finish finished first fixed flag flags floor folder format found free from full gender
given grade grand greeting gross group groups guest guests handle hash headline health height hidden hint history
hits holder host hour hours image images index info initial input inventory invoice issued item items iteration
join joined kind label labels language last latest latitude left length lesson level levels limit line lines link
links list listed load local locale location locked longitude lower mail main maker manager mark matched matches
maximum member members message messages meta method minimum minute minutes misses missing mobile mode model
modified moment money month name named names nature next nickname night nights note notes notice number numbers
object offer offered office offset online open opened opens option optional options order ordered orders organiser
organizer origin original other output owner page pages paid parent part parts party passed password path patient
pattern payload payment pending people percent period permission person phone photo picture place placed planned
position postcode posted present previous price prices priority private product products profile progress project
provider public published pupil purchase quantity question queue quota range rank rate rating reader ready reason
received recent recipient record records reference refund region rejected related release remaining removed
renewed reply report request requested required reservation reserved reset resource response rest result results
retries retry returned review revision right role roles room rooms roster route rows salary sale sales schedule
scheduled scope score scores search seats second seconds section sender sent sequence serial series service
session setting settings share shared shift shipped shipping short shown side signature since size sizes slot
slots sort source space speed spent staff stage standing start started starts state status step steps stock stop
store street string student style subject submitted subscriber subtotal success summary supplier surname system
table tags target task tasks teacher team telephone template term terms text texts thing threshold ticket ticketed
time timeout times timestamp timezone title titles token topic total totals track tracking translated translation
trial true type types unit units until updated upper uptime usage used user username users valid value values
vehicle vendor venue verified version video view views visible visit volume wanted warehouse warning week weight
width window winner words worker worth writer written year years zone
"""
ENGLISH = frozenset(_ENGLISH.split())
"""Words of keys that are English beyond doubt; shorter ones are too ambiguous to tell."""
SHORT = 4
"""Longest part of a key that says nothing about its language: abbreviations are nobody's words."""

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_CAMEL = re.compile(r"[a-z]+(?:[A-Z][a-z0-9]*)+")
_SNAKE = re.compile(r"[a-z0-9]+(?:_[a-z0-9]+)+")


def parts(key: str) -> list[str]:
    """The words of a key in lower case, whatever its style."""
    return [part.lower() for part in _WORDS.findall(key)]


def is_foreign(key: str) -> bool:
    """Whether a word of the key is long enough to tell, and no English one that we know."""
    return any(len(part) > SHORT and part.isalpha() and part not in ENGLISH for part in parts(key))


def cased(key: str) -> str:
    """`camel` or `snake`, empty where the key's style cannot be told."""
    if _CAMEL.fullmatch(key):
        return "camel"
    return "snake" if _SNAKE.fullmatch(key) else ""


def to_camel(name: str) -> str:
    """A snake-case name as pydantic's generator spells it."""
    first, *rest = name.split("_")
    return first + "".join(part[:1].upper() + part[1:] for part in rest)


def to_pascal(name: str) -> str:
    """The same with a capital first."""
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))

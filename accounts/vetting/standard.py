"""The checklists that this software comes with, until an exchange's people write their own. Pure data.

Each item: code, who finds out, title and how to in English and French. After the CA/Browser Forum's rules for
extended validation (identity, operational existence, domain, call-back by a number found independently, age
of evidence) and the published membership criteria of hash sharing programmes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

Row = tuple[str, str, str, str, str, str]

_DOMAIN: Final[Row] = (
    "domain", "domain", "The domain is proven", "Le domaine est prouvé",
    "The exchange looks for the token in the name server or on the website.",
    "La plateforme cherche le jeton dans le serveur de noms ou sur le site.",
)  # fmt: skip
_EMAIL: Final[Row] = (
    "email", "email", "The contact writes from the proven domain",
    "Le contact écrit depuis le domaine prouvé",
    "Read from the proven address and the proven domain.",
    "Lu de l’adresse et du domaine prouvés.",
)  # fmt: skip
_CALL: Final[Row] = (
    "call-back", "person", "Somebody was called back", "Quelqu’un a été rappelé",
    "Call a number that you found yourself, never the one in the application. Note whom you spoke to.",
    "Appelez un numéro que vous avez trouvé vous-même, jamais celui de la demande. Notez qui a répondu.",
)  # fmt: skip
_SANCTIONS: Final[Row] = (
    "sanctions", "person", "Sanctions lists were searched", "Les listes de sanctions ont été consultées",
    "Search for the organisation and whoever directs it. Write down which lists, and of which day.",
    "Cherchez l’organisation et ses dirigeants. Notez quelles listes, et de quel jour.",
)  # fmt: skip
_REGISTRY: Final[Row] = (
    "registry", "person", "The register knows it", "Elle figure au registre",
    "Look it up in the public register yourself: name, number, seat, that it is active.",
    "Consultez vous-même le registre public : nom, numéro, siège, statut actif.",
)  # fmt: skip
_CRITERIA: Final[Row] = (
    "criteria", "person", "It meets the membership criteria", "Elle remplit les critères d’adhésion",
    "Terms that forbid such content, review by people, a way to appeal, a reason to take part.",
    "Conditions interdisant ces contenus, examen humain, voie de recours, raison de participer.",
)  # fmt: skip
_MANDATE: Final[Row] = (
    "mandate", "person", "Its legal mandate is established", "Son mandat légal est établi",
    "Find the act of law and that the unit which applies is the one it names.",
    "Trouvez le texte de loi et vérifiez que le service demandeur est celui qu’il désigne.",
)  # fmt: skip
_RIGHTS: Final[Row] = (
    "rights", "person", "Misuse against lawful speech was considered",
    "Le risque d’abus contre l’expression licite a été examiné",
    "Consult what independent observers report about removals that it orders.",
    "Consultez ce que des observateurs indépendants rapportent de ses demandes de retrait.",
)  # fmt: skip
_REFERENCES: Final[Row] = (
    "references", "person", "Two members or known bodies vouch for it",
    "Deux membres ou organismes connus s’en portent garants",
    "Ask them yourself, by an address that you knew before.",
    "Interrogez-les vous-même, à une adresse connue auparavant.",
)  # fmt: skip
_COUNSEL: Final[Row] = (
    "counsel", "person", "The law of its jurisdiction was looked at", "Le droit de son pays a été examiné",
    "Where no register of ours exists, somebody who knows the law there says what proves existence.",
    "Faute de registre connu, une personne qui connaît ce droit dit ce qui prouve l’existence.",
)  # fmt: skip

STANDARD: Final[Mapping[str, tuple[Row, ...]]] = {
    "company": (_DOMAIN, _EMAIL, _REGISTRY, _SANCTIONS, _CALL, _CRITERIA),
    "ngo": (_DOMAIN, _EMAIL, _REGISTRY, _SANCTIONS, _CALL, _REFERENCES, _CRITERIA),
    "government": (_DOMAIN, _EMAIL, _MANDATE, _RIGHTS, _CALL),
    "other": (_DOMAIN, _EMAIL, _COUNSEL, _REGISTRY, _SANCTIONS, _CALL, _REFERENCES, _RIGHTS),
}

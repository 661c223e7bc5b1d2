"""Texts of findings, in English and French, each pair in one place; `{...}` are filled by who judges."""

from __future__ import annotations

TEXTS: dict[str, tuple[str, str]] = {
    "bare": ("not prepared yet: `vaguemestre apply` does that first",
             "pas encore préparé : `vaguemestre apply` commence par là"),
    "reach": ("{message}", "{trouble}"),
    "failed": ("its answer is of no use: {message}", "sa réponse est inutilisable : {message}"),
    "none": ("no release is live yet", "aucune version n'est encore en place"),
    "busy": ("an activation is under way ({holder}); drift is looked at when it has ended",
             "une activation est en cours ({holder}) ; les écarts seront examinés ensuite"),
    "interrupted": ("an activation was cut short; the next one finishes or undoes it",
                    "une activation a été interrompue ; la prochaine l'achève ou l'annule"),
    "record": ("its record of the live release is damaged: apply again",
               "l'enregistrement de la version en place est endommagé : relancer apply"),
    "behind": ("release {live} is live, the inventory says {expected}",
               "la version {live} est en place, l'inventaire dit {expected}"),
    "behind_kit": ("release {live} is live, made by another kit; the inventory says {expected}",
                   "la version {live} est en place, d'un autre kit ; l'inventaire dit {expected}"),
    "no_release": (
        "what it must be cannot be worked out here: {problem}",
        "sa version attendue ne peut être établie ici : {problem}",
    ),
    "drift create": ("{kind} {key} is missing", "{kind_fr} {key} : absent"),
    "drift update": ("{kind} {key} was changed on the host", "{kind_fr} {key} : modifié sur l'hôte"),
    "drift mode": ("{kind} {key} has another owner or mode", "{kind_fr} {key} : propriétaire ou droits différents"),
    "drift install": ("package {key} is not installed", "paquet {key} : non installé"),
    "drift remove": ("{kind} {key} should not be there", "{kind_fr} {key} : ne devrait pas être là"),
    "unit failed": ("{key} has failed", "{key} est en échec"),
    "unit start": ("{key} does not run", "{key} ne tourne pas"),
    "unit reload": ("{key} does not surely run with what its release says: a reload is due",
                    "{key} ne tourne peut-être pas avec sa configuration : rechargement nécessaire"),
    "unit restart": ("{key} does not surely run with what its release says: a restart is due",
                     "{key} ne tourne peut-être pas avec sa configuration : redémarrage nécessaire"),
    "unit enable": ("{key} would not start at boot", "{key} ne démarrerait pas avec l'hôte"),
    "unit mask": ("{key} should be masked and is not", "{key} devrait être masqué"),
    "unit remove": ("{key} should have stopped for good", "{key} devrait être arrêté définitivement"),
    "certificate damaged": ("{key} cannot be read as a certificate", "{key} n'est pas un certificat lisible"),
    "certificate ended": ("the certificate in {key} ended on {day}", "le certificat de {key} a expiré le {day}"),
    "certificate ends": ("the certificate in {key} ends on {day}, in {days} days",
                         "le certificat de {key} expire le {day}, dans {days} jours"),
    "list none": ("no white list is held: all mail of the trust space is deferred",
                  "aucune liste blanche : tout le courrier de l'espace de confiance est différé"),
    "list old": ("the white list was last confirmed {hours} h ago", "liste blanche confirmée il y a {hours} h"),
    "revocation none": ("no revocation list is held", "aucune liste de révocation"),
    "revocation old": ("the revocation list of {key} ended on {day}",
                       "la liste de révocation de {key} a expiré le {day}"),
    "directory none": ("the national directory has not been loaded yet", "annuaire national pas encore chargé"),
    "directory old": ("the national directory is {hours} h old", "l'annuaire national date de {hours} h"),
    "idle": ("the job that keeps it fresh last ran {hours} h ago", "dernière actualisation tentée il y a {hours} h"),
    "queue long": ("{count} messages wait in the queue", "{count} messages attendent dans la file"),
    "queue old": ("a message has waited for {hours} h", "un message attend depuis {hours} h"),
    "queue corrupt": ("Postfix has set {count} damaged queue files aside",
                      "Postfix a mis de côté {count} fichiers de file endommagés"),
    "disk full": ("{key} is {percent} % full", "{key} est plein à {percent} %"),
    "disk inodes": ("{percent} % of the inodes of {key} are used", "{percent} % des inodes de {key} sont utilisés"),
    "clock": ("its clock is {seconds} s away from the controller's",
              "son horloge diffère de {seconds} s de celle du contrôleur"),
    "restart": ("a restart of the host is due ({why})", "un redémarrage de l'hôte est nécessaire ({why})"),
    "unknown": ("{key} could not be known: {error}", "{key} : inconnu ({error})"),
    "alarm": ("{key}: stage {stage}; look on the host", "{key} : niveau {stage} ; voir sur l'hôte"),
}  # fmt: skip

TROUBLES = {
    "unreachable": "ne répond pas par SSH",
    "unknown-key": "sa clé SSH n'est pas dans known_hosts, et rien n'est cru sur parole",
    "changed-key": "sa clé SSH n'est plus celle de known_hosts : réinstallé, ou autre chose répond à sa place",
    "refused": "refuse notre clé SSH",
    "lost": "la liaison a été coupée pendant la question",
}
"""Why a host was not reached, in French; `vaguemestre.engines.refusal` has the English, with the way out."""

KINDS = {
    "package": "paquet",
    "account": "compte",
    "directory": "dossier",
    "file": "fichier",
    "credential": "secret",
    "unit": "unité",
}
"""Kinds of changes in French."""


def texts(name: str, **values: object) -> tuple[str, str]:
    """English and French, filled."""
    en, fr = TEXTS[name]
    return en.format_map(values), fr.format_map(values)

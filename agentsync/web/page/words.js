// Every text of the page in each language. {braces} are filled in; an object has one text for each plural category.

export const WORDS = {
  en: {
    skip: "Skip to the changes",
    status: "Status",
    changes: "Changes",
    agents: "Agents",
    documents: "Documents",
    refresh: "Refresh",
    consolidate: "Consolidate now",
    older: "Show older changes",
    report: "The newest report",
    search: "Find a document",
    footer: "agentsync. All times are UTC. Checksums are MD5, without the report that agentsync writes.",
    worktree: "worktree {worktree}",
    branch: "branch {branch}",
    commit: "commit {commit}",

    waiting: "Connecting",
    live: "Live",
    polling: "Every 10 seconds",
    gone: "No answer",
    snapshot: "Snapshot",
    gone_title: "The server has not answered since {time}.",
    gone_text:
      "What you see is from then. Hooks and commands go on recording. To see what they record: agentsync serve",
    never_title: "The server does not answer.",
    never_text: "Start it in the repository: agentsync serve",
    refused_title: "The server wants a token.",
    refused_text:
      "Put it at the end of this page's address, as #token=... It is in the file that agentsync serve was given by --token-file.",
    failed_title: "The server could not answer: {reason}",
    failed_text: "What you see may be old. To find the cause: agentsync doctor",
    snapshot_title: "A snapshot of {time}.",
    snapshot_text:
      "It does not change any more. For a new one: agentsync export --html FILE. To see changes as they come: agentsync serve",
    back: "The server answers again.",

    pending: { one: "{count} change is not in a report yet", other: "{count} changes are not in a report yet" },
    pending_none: "Every change is in a report",
    next_now: "reported with the next look",
    next_at: "reported at {count}, or {time}",
    last_report: "last report {time}",
    no_report: "no report yet",
    stopped: "Nobody watches now; hooks and commands still record changes: agentsync serve",
    paused: "{worktree}: a {operation} is going on since {time}; its files are not looked at",
    noted: {
      one: "{count} observation waits in {path}: the ledger could not be written",
      other: "{count} observations wait in {path}: the ledger could not be written",
    },
    owed: "{worktree}: its report is not written yet",
    owed_why: "{worktree}: its report is not written: {reason}",
    conflict: "{path}: edits that conflict, in {sides}",
    overlap: "{path}: edits of several at once, in {sides}",
    overlaps_more: {
      one: "and {count} more document: agentsync overlaps",
      other: "and {count} more documents: agentsync overlaps",
    },
    not_recorded: "{worktree}: {file_path} is edited and not recorded: {reason}",
    problem: "{about}: {problem}",

    changes_empty: "No change yet.",
    changes_next:
      "Edit one of the documents and save or commit it: it shows up here within seconds, whoever makes it.",
    chosen_empty: "No change of that.",
    chosen_next: "Show all changes again, or choose another document or agent.",
    all_changes: "Show all changes",
    today: "Today",
    yesterday: "Yesterday",
    just_now: "just now",
    is_pending: "not in a report yet",
    created: "created",
    modified: "modified",
    deleted: "deleted",
    lines: "{added} lines added, {removed} removed",
    not_committed: "not committed",
    waits: "waits for the ledger",
    by_author: "author {author}",
    checksum: "MD5 {sum}",
    none: "none",
    type: "type {type}",
    diff: "What came and went in {path}",
    diff_waiting: "Asking git ...",
    diff_more: { one: "{count} more line: agentsync show {id}", other: "{count} more lines: agentsync show {id}" },
    diff_none: "No line differs.",

    agents_empty: "Nobody yet.",
    agents_next: "Whoever changes a document is listed here, with where they are at work.",
    changes_month: { one: "change in 30 days", other: "changes in 30 days" },
    place: "{worktree}, branch {branch}",
    history: "found in the history",
    unknown: "unknown",

    documents_empty: "No document is watched.",
    documents_next: "Add one: agentsync documents add PATH",
    documents_none: "No document is called like that.",
    at_root: "At the top",
    edited: "not committed",
    pending_mark: "pending",
    missing: "not there yet",
    unreadable: "unreadable",
    never: "no change seen",
    unchanged: { one: "unchanged for {count} day", other: "unchanged for {count} days" },

    report_line: "{trigger}, {changes} in {files}",
    report_more: { one: "and {count} more: agentsync report", other: "and {count} more: agentsync report" },
    changes_count: { one: "{count} change", other: "{count} changes" },
    files_count: { one: "{count} document", other: "{count} documents" },
    threshold: "threshold",
    time_based: "time",
    manual: "asked for",

    announce_pending: { one: "{count} change is pending", other: "{count} changes are pending" },
    announce_consolidated: "Consolidated; nothing is pending",
    consolidating: "Consolidating ...",
    consolidated: { one: "{count} change is in the report now.", other: "{count} changes are in the report now." },
    consolidated_nothing: "Nothing was pending: no report was added.",
    could_not: "That did not work: {reason}",
    refreshed: "Up to date at {time}.",
  },
  fr: {
    skip: "Aller aux changements",
    status: "État",
    changes: "Changements",
    agents: "Agents",
    documents: "Documents",
    refresh: "Rafraîchir",
    consolidate: "Consolider maintenant",
    older: "Voir les changements plus anciens",
    report: "Le dernier rapport",
    search: "Chercher un document",
    footer: "agentsync. Toutes les heures sont en UTC. Les sommes de contrôle sont en MD5, sans le rapport d’agentsync.",
    worktree: "arbre de travail {worktree}",
    branch: "branche {branch}",
    commit: "commit {commit}",

    waiting: "Connexion",
    live: "En direct",
    polling: "Toutes les 10 secondes",
    gone: "Pas de réponse",
    snapshot: "Instantané",
    gone_title: "Le serveur ne répond plus depuis {time}.",
    gone_text:
      "Ce que vous voyez date de ce moment. Les hooks et les commandes enregistrent toujours. Pour voir la suite : agentsync serve",
    never_title: "Le serveur ne répond pas.",
    never_text: "Démarrez-le dans le dépôt : agentsync serve",
    refused_title: "Le serveur demande un jeton.",
    refused_text:
      "Ajoutez-le à la fin de l’adresse de cette page, sous la forme #token=... Il est dans le fichier donné à agentsync serve par --token-file.",
    failed_title: "Le serveur n’a pas pu répondre : {reason}",
    failed_text: "Ce que vous voyez peut être ancien. Pour trouver la cause : agentsync doctor",
    snapshot_title: "Un instantané de {time}.",
    snapshot_text:
      "Il ne change plus. Pour en faire un nouveau : agentsync export --html FICHIER. Pour suivre les changements : agentsync serve",
    back: "Le serveur répond de nouveau.",

    pending: {
      one: "{count} changement n’est pas encore dans un rapport",
      other: "{count} changements ne sont pas encore dans un rapport",
    },
    pending_none: "Tous les changements sont dans un rapport",
    next_now: "rapport à la prochaine vérification",
    next_at: "rapport à {count}, ou {time}",
    last_report: "dernier rapport {time}",
    no_report: "aucun rapport pour l’instant",
    stopped: "Personne ne surveille ; les hooks et les commandes enregistrent toujours : agentsync serve",
    paused: "{worktree} : {operation} en cours depuis {time} ; ses fichiers ne sont pas vérifiés",
    noted: {
      one: "{count} observation attend dans {path} : le journal n’a pas pu être écrit",
      other: "{count} observations attendent dans {path} : le journal n’a pas pu être écrit",
    },
    owed: "{worktree} : son rapport n’est pas encore écrit",
    owed_why: "{worktree} : son rapport n’est pas écrit : {reason}",
    conflict: "{path} : modifications en conflit, dans {sides}",
    overlap: "{path} : modifié à plusieurs endroits à la fois, dans {sides}",
    overlaps_more: {
      one: "et {count} document de plus : agentsync overlaps",
      other: "et {count} documents de plus : agentsync overlaps",
    },
    not_recorded: "{worktree} : {file_path} est modifié et n’est pas enregistré : {reason}",
    problem: "{about} : {problem}",

    changes_empty: "Aucun changement pour l’instant.",
    changes_next:
      "Modifiez un des documents, enregistrez-le ou validez-le : il apparaît ici en quelques secondes, quel qu’en soit l’auteur.",
    chosen_empty: "Aucun changement pour ce choix.",
    chosen_next: "Revenez à tous les changements, ou choisissez un autre document ou un autre agent.",
    all_changes: "Tous les changements",
    today: "Aujourd’hui",
    yesterday: "Hier",
    just_now: "à l’instant",
    is_pending: "pas encore dans un rapport",
    created: "créé",
    modified: "modifié",
    deleted: "supprimé",
    lines: "{added} lignes ajoutées, {removed} supprimées",
    not_committed: "non validé",
    waits: "attend le journal",
    by_author: "auteur {author}",
    checksum: "MD5 {sum}",
    none: "aucune",
    type: "type {type}",
    diff: "Ce qui a changé dans {path}",
    diff_waiting: "Question à git ...",
    diff_more: {
      one: "{count} ligne de plus : agentsync show {id}",
      other: "{count} lignes de plus : agentsync show {id}",
    },
    diff_none: "Aucune ligne ne diffère.",

    agents_empty: "Personne pour l’instant.",
    agents_next: "Qui modifie un document apparaît ici, avec l’endroit où il travaille.",
    changes_month: { one: "changement en 30 jours", other: "changements en 30 jours" },
    place: "{worktree}, branche {branch}",
    history: "trouvé dans l’historique",
    unknown: "inconnu",

    documents_empty: "Aucun document n’est surveillé.",
    documents_next: "Ajoutez-en un : agentsync documents add CHEMIN",
    documents_none: "Aucun document ne porte ce nom.",
    at_root: "À la racine",
    edited: "non validé",
    pending_mark: "en attente",
    missing: "pas encore là",
    unreadable: "illisible",
    never: "aucun changement vu",
    unchanged: { one: "inchangé depuis {count} jour", other: "inchangé depuis {count} jours" },

    report_line: "{trigger}, {changes} dans {files}",
    report_more: { one: "et {count} de plus : agentsync report", other: "et {count} de plus : agentsync report" },
    changes_count: { one: "{count} changement", other: "{count} changements" },
    files_count: { one: "{count} document", other: "{count} documents" },
    threshold: "seuil",
    time_based: "délai",
    manual: "demandé",

    announce_pending: { one: "{count} changement en attente", other: "{count} changements en attente" },
    announce_consolidated: "Consolidé ; rien n’est en attente",
    consolidating: "Consolidation en cours ...",
    consolidated: {
      one: "{count} changement est maintenant dans le rapport.",
      other: "{count} changements sont maintenant dans le rapport.",
    },
    consolidated_nothing: "Rien n’était en attente : aucun rapport n’a été ajouté.",
    could_not: "Cela n’a pas marché : {reason}",
    refreshed: "À jour à {time}.",
  },
};

export const LANGUAGE =
  navigator.languages.map((tag) => tag.slice(0, 2).toLowerCase()).find((tag) => tag in WORDS) ?? "en";
// How numbers and dates are written: as where the reader is.
export const LOCALE = navigator.languages.find((tag) => tag.toLowerCase().startsWith(LANGUAGE)) ?? LANGUAGE;
const PLURAL = new Intl.PluralRules(LANGUAGE);
export const NUMBER = new Intl.NumberFormat(LOCALE);

const shown = (value) => (typeof value === "number" ? NUMBER.format(value) : value);

// The text of a key; `count` chooses the plural. A key of others (a trigger, an event) that is not here is shown as it is.
export const word = (key, values = {}) => phrase(key, values).join("");

// The same as a list of texts and of the nodes that stand for some of the braces.
export function phrase(key, values) {
  const entry = Object.hasOwn(WORDS[LANGUAGE], key) ? WORDS[LANGUAGE][key] : key;
  const text = typeof entry === "string" ? entry : (entry[PLURAL.select(values.count)] ?? entry.other);
  return text.split(/(\{\w+\})/).map((part) => (part.startsWith("{") ? shown(values[part.slice(1, -1)]) : part));
}

"""Words of the pages that stand in no template: what each error means, and what scripts write.

They are marked by `N_`, and looked up in the reader's language when they are shown.
"""

from __future__ import annotations

from functools import cache

from gestalt_space.service.web.languages import Language, translations


def N_(text: str) -> str:  # noqa: N802 - as gettext's own tools name it
    """Marks a text for the catalogues."""
    return text


ERRORS: dict[str, str] = {
    # Of a request
    "no_page": N_("There is no such page."),
    "usage": N_("Something in the form does not fit. Correct it and try again."),
    "not_authenticated": N_("You are not logged in any more. Log in again."),
    "not_allowed": N_("Your role does not allow this. Ask an admin of this service."),
    "wrong_password": N_("The name or the password is wrong."),
    "too_many_requests": N_("There were too many requests or wrong passwords. Wait a moment."),
    "access": N_("This request was refused."),
    "service_busy": N_("The service has too much to do at the moment. Try again in a minute."),
    "body_too_large": N_("The files are too large, or too many. Send fewer or smaller ones."),
    "user": N_("This cannot be done with that user or token. The details say why."),
    "phenotype": N_("These terms cannot be used. The details say why."),
    "ontology_missing": N_("The Human Phenotype Ontology is not installed on this server."),
    "job": N_("This job is not there any more, or has no result yet."),
    # Of a photo
    "photo": N_("The photo cannot be used."),
    "photo_not_found": N_("The photo is not there."),
    "photo_too_large": N_("The photo is too large. Make it smaller and try again."),
    "photo_format": N_("This is not a photo, or of a format that is not read. Use JPEG or PNG."),
    "photo_damaged": N_("The photo is damaged or cut off. Use the original."),
    "face": N_("The face in the photo cannot be used. Take another photo."),
    "no_face": N_("No face was found. Turn the photo upright, or crop it to the face."),
    "several_faces": N_("There are several faces in the photo. Choose one."),
    "no_such_face": N_("The photo has fewer faces than that. Choose another one."),
    "descriptor": N_("Nothing can be computed from this face. Take another photo."),
    # Of the gallery
    "gallery": N_("The gallery cannot do this."),
    "gallery_empty": N_("The gallery has no patients yet that can be matched."),
    "gallery_missing": N_("There is no gallery yet. Add a patient first."),
    "gallery_changed": N_("Patients were removed in the meantime. Try again."),
    "gallery_exists": N_("There is a gallery already."),
    "approximate_damaged": N_(
        "The approximate index cannot be used. An admin has to build it again."
    ),
    "engine": N_("The search engine cannot do this. Tell an admin of this service."),
    "engine_away": N_("The search engine does not answer. Try again, or search without it."),
    "engine_unsuitable": N_(
        "The search engine does not have this gallery. An admin has to fill it again."
    ),
    "engine_full": N_("The search engine has no room left. Tell an admin of this service."),
    "cluster": N_("The other machines cannot do this work. Tell an admin of this service."),
    "cluster_lost": N_("The other machines do not answer any more. Finished work is kept."),
    "worker_died": N_("The program ended at this photo. Try another version of the photo."),
    "crop_store": N_("The faces of these photos cannot be reached now. Try again later."),
    "consent_withdrawn": N_(
        "This patient's consent is withdrawn: nothing is added, shown or matched."
    ),
    "consent_returns": N_("This would give withdrawn consent back. Confirm it if that is right."),
    "not_shared": N_(
        "No consent covers the exchange with other hospitals. Nothing was sent or answered."
    ),
    "not_in_gallery": N_("This patient or photo is not in the gallery, or not any more."),
    "changed_meanwhile": N_(
        "Somebody else changed this patient in the meantime. Load the page again."
    ),
    "patient_conflict": N_("This contradicts what the gallery knows of the patient."),
    "erasure_unfinished": N_("An erasure is not finished yet. An admin has to complete it."),
    "import_conflict": N_("The import contradicts the gallery. Nothing was imported."),
    # Of files and of the machine
    "model": N_("A model cannot be used. Tell an admin of this service."),
    "training": N_("A training cannot go on. Tell an admin of this service."),
    "model_not_installed": N_("A model is not installed. Tell an admin of this service."),
    "model_exists": N_("A model of that name is installed already."),
    "model_damaged": N_("A model is damaged. An admin has to install it again."),
    "model_unsuitable": N_("This file is not a model that can be used here."),
    "graph_unknown": N_("This model is built in a way that cannot be used here."),
    "license_not_accepted": N_("The licence of the model has to be accepted first."),
    "download_failed": N_("The model could not be downloaded."),
    "device_unavailable": N_("The requested processor is not available on the server."),
    "space_mismatch": N_("The photos were computed by two different models."),
    "archive": N_("This backup or export cannot be used."),
    "archive_damaged": N_("This backup or export is damaged."),
    "archive_unsuitable": N_("This is not a backup or export, or one of another version."),
    "table_damaged": N_("The file is damaged, or not as its format demands. Correct it."),
    "database": N_("The database cannot be reached or is busy. Try again in a moment."),
    "index_damaged": N_("The index is damaged. An admin has to build it again; nothing is lost."),
    "output": N_("A result could not be written. Tell an admin of this service."),
    "interrupted": N_("The work was interrupted. Try again."),
    "fault": N_("This is a fault of the program. Try again; if it stays, tell an admin."),
    "error": N_("Something went wrong. Try again."),
    "unreachable": N_("The service does not answer. Check the network and try again."),
}
"""What an error means for whoever reads the page, and what to do, by its code."""

SCRIPT_WORDS: dict[str, str] = {
    "details": N_("Details"),
    "log_in": N_("Log in"),
    "working": N_("One moment …"),
    "added.added": N_("added to the gallery."),
    "added.already": N_("was in the gallery already."),
    "added.updated": N_("was in the gallery already; what is new was added."),
    "added.failed": N_("was not added."),
    "looking": N_("Looking for faces …"),
    "face": N_("Face {number}"),
    "good": N_("Good photo."),
    "mark.small": N_("Small face: {value} pixels between the eyes, fewer than {limit}."),
    "mark.blurred": N_("Blurred: sharpness {value}, below {limit}."),
    "mark.turned": N_("Turned about {value}° to the side, more than {limit}°."),
    "mark.covered": N_(
        "Covered: about {value} percent of the face is hidden, more than {limit} percent."
    ),
}
"""What scripts write, by a key of theirs; `{name}` stands for a value."""

ROLE_NAMES = (N_("site"), N_("reader"), N_("contributor"), N_("curator"), N_("admin"))
"""Roles, which templates look up by name."""

AGGREGATION_NAMES: dict[str, str] = {
    "nearest": N_("the nearest photo"),
    "patient-mean": N_("the patient whose photos are nearest on average"),
    "centroid": N_("the average of all patients"),
    "blend": N_("the nearest photo and the average, half each"),
    "vote": N_("votes of the ten nearest patients"),
    "calibrated": N_("the nearest photo, allowing for the number of patients"),
}
"""By what a line can be ranked, by the names of `gestalt match --aggregation`."""

ACTIONS: dict[str, str] = {
    "add": N_("photos added"),
    "set": N_("facts corrected"),
    "correct": N_("facts added"),
    "move": N_("photo moved"),
    "merge": N_("patients merged"),
    "split": N_("patient split"),
    "undo": N_("undone"),
    "remove": N_("removed"),
    "erase": N_("erased"),
    "look": N_("looked at"),
    "match": N_("compared"),
    "answer": N_("another hospital answered"),
    "ask": N_("other hospitals asked"),
    "asked": N_("answers of other hospitals"),
    "export": N_("exported"),
    "import": N_("imported"),
    "backup": N_("backup made"),
    "train": N_("model trained"),
    "copy": N_("path of a copy noted without a name"),
    "restore": N_("backup restored"),
    "fill": N_("descriptors computed"),
    "default": N_("encoder chosen"),
    "drop": N_("descriptors of an encoder removed"),
    "mend": N_("database repaired"),
    "forget": N_("home forgotten"),
    "return": N_("forgotten home used again"),
    "user": N_("user changed"),
    "token": N_("token changed"),
    "login": N_("logged in"),
    "job": N_("job started"),
}
"""Actions of the audit trail; those that are not here are shown as they are."""


def explanation(code: str, language: Language) -> str:
    """What an error means, in a language."""
    return translations(language).gettext(ERRORS.get(code, ERRORS["error"]))


@cache
def script_words(language: Language) -> dict[str, str]:
    """What scripts need: their words, and those of errors under `error.CODE`."""
    told = translations(language).gettext
    errors = {f"error.{code}": told(text) for code, text in ERRORS.items()}
    return errors | {key: told(text) for key, text in SCRIPT_WORDS.items()}

"""`/api/v1/descriptors/match`: what other hospitals ask, with a descriptor alone."""

from __future__ import annotations

import base64
import binascii

import numpy as np
from fastapi import APIRouter

from gestalt_space.documents.sites import SiteAnswerDocument, site_answer_document
from gestalt_space.errors import DescriptorError
from gestalt_space.match.for_site import SiteAnswer, SiteQuestion
from gestalt_space.service.dependencies import AskingSite, Parts, PartsOf
from gestalt_space.service.replies import ERRORS, DocumentReply
from gestalt_space.service.requests import DescriptorQuestion
from gestalt_space.types import Descriptors

router = APIRouter(prefix="/api/v1", tags=["sites"], responses=ERRORS)


@router.post("/descriptors/match", response_model=SiteAnswerDocument)
async def match(site: AskingSite, parts: PartsOf, asked: DescriptorQuestion) -> DocumentReply:
    """Rank disorders or genes for another hospital's descriptor, without anything about a single
    patient."""
    question = SiteQuestion(asked.space, descriptor_of(asked.descriptor), asked.by, asked.top)
    answer = await parts.workshop.work(_counted_answer, parts, site.name, question)
    return DocumentReply(site_answer_document(question, answer))


def _counted_answer(parts: Parts, site: str, question: SiteQuestion) -> SiteAnswer:
    """The answer to a question that can be answered; others do not count toward the limit of a day.
    It counts before it is answered: of many at once, no more are answered."""
    gallery = parts.gallery.acting_for(site)
    gallery.check_site_question(question)
    parts.site_rates.check(site)
    return gallery.answer_site(question)


def descriptor_of(text: str) -> Descriptors:
    """A descriptor `(d,)` of its little-endian float32 numbers in base64. Raises
    `DescriptorError`."""
    try:
        numbers = np.frombuffer(base64.b64decode(text, validate=True), dtype="<f4")
    except (binascii.Error, ValueError) as error:
        raise DescriptorError(
            "The descriptor cannot be read.", "Send its float32 numbers, little-endian, in base64."
        ) from error
    return numbers.astype(np.float32)

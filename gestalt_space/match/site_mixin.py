"""What another hospital asks of a gallery."""

from __future__ import annotations

from dataclasses import replace

from gestalt_space.descriptors import check_descriptors
from gestalt_space.encoders.registry import encoder_spec
from gestalt_space.errors import GalleryEmpty, NotShared, SpaceMismatch
from gestalt_space.match.for_site import SiteAnswer, SiteQuestion, answer_site
from gestalt_space.match.match_mixin import MatchMixin
from gestalt_space.store.audit import record_event


class SiteMixin(MatchMixin):
    """A gallery that other hospitals ask."""

    def answer_site(self, asked: SiteQuestion) -> SiteAnswer:
        """The lines of the gallery for another hospital's descriptor, and an event of the audit
        trail.

        Raises `NotShared` where the settings name no consent that covers it, `SpaceMismatch` for a
        descriptor of another space, `DescriptorError` for one that is none, `GalleryMissing`.
        """
        consents, least = self.settings.site_consents, self.settings.site_least_patients
        if not consents:
            raise NotShared(
                "This gallery does not answer other hospitals.",
                "Its administrator names the consents that cover it: GESTALT_SITE_CONSENTS.",
            )
        self.database.require()
        here = self.pinned()
        space = here.space
        if asked.fingerprint != space.fingerprint:
            raise SpaceMismatch(
                f"The descriptor is of the space {asked.fingerprint[:12]}, this gallery's are of "
                f"{space.fingerprint[:12]} ({space.model.name}).",
                "Both hospitals need the same encoder.",
            )
        dim = encoder_spec(space.model).descriptor_dim
        (descriptor,) = check_descriptors(asked.descriptor[None], dim)
        wanted = replace(asked, descriptor=descriptor)

        def ask() -> SiteAnswer:
            state = here.state()
            with here.database.reading() as session:
                return answer_site(state, wanted, consents, least, session)

        try:
            answer = here._settled(ask)
        except GalleryEmpty:
            # Its message names the filter, which is nobody else's business.
            answer = SiteAnswer((), None, least, 0)
        with self.database.writing() as session:
            record_event(
                session,
                "answer",
                detail={"space": space.fingerprint, "lines": len(answer.lines)},
            )
        return answer

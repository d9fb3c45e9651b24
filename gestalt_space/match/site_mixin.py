"""What another hospital asks of a gallery."""

from __future__ import annotations

from gestalt_space.descriptors import check_descriptors
from gestalt_space.encoders.registry import encoder_spec
from gestalt_space.errors import GalleryEmpty, NotShared, SpaceMismatch
from gestalt_space.match.for_site import SiteAnswer, SiteQuestion, answer_site
from gestalt_space.match.match_mixin import MatchMixin
from gestalt_space.store.audit import record_event


class SiteMixin(MatchMixin):
    """A gallery that other hospitals ask."""

    def check_site_question(self, asked: SiteQuestion) -> None:
        """Raise `NotShared` where the settings name no consent that covers it, `SpaceMismatch` for
        a descriptor of another space, `DescriptorError` for one that is none, `GalleryMissing`."""
        if not self.settings.site_consents:
            raise NotShared(
                "This gallery does not answer other hospitals.",
                "Its administrator names the consents that cover it: GESTALT_SITE_CONSENTS.",
            )
        self.database.require()
        space = self.space
        if asked.fingerprint != space.fingerprint:
            raise SpaceMismatch(
                f"The descriptor is of the space {asked.fingerprint[:12]}, this gallery's are of "
                f"{space.fingerprint[:12]} ({space.model.name}).",
                "Both hospitals need the same encoder.",
            )
        dim = encoder_spec(space.model).descriptor_dim
        check_descriptors(asked.descriptor[None], dim)

    def answer_site(self, asked: SiteQuestion) -> SiteAnswer:
        """The lines of the gallery for another hospital's descriptor, and an event of the audit
        trail. Raises as `check_site_question` does."""
        self.check_site_question(asked)
        here = self.pinned()
        consents, least = self.settings.site_consents, self.settings.site_least_patients

        def ask() -> SiteAnswer:
            state = here.state()
            with here.database.reading() as session:
                return answer_site(state, asked, consents, least, session)

        try:
            answer = here._settled(ask)
        except GalleryEmpty:
            # Its message names the filter, which is nobody else's business.
            answer = SiteAnswer((), None, least, 0)
        with self.database.writing() as session:
            record_event(
                session,
                "answer",
                detail={"space": asked.fingerprint, "lines": len(answer.lines)},
            )
        return answer

"""The clinician's pages: rendered here in the reader's language, and kept alive by a few scripts.

A page is one module of this folder with a router, listed in `routers.ROUTERS`, and one template:

- `router = APIRouter(include_in_schema=False)`: errors of a page that a browser opens become a page
  themselves, and who is not logged in is sent to the login. What a script asks for gets the one
  error shape, which `page.js` shows in the reader's language.
- A route takes `page: ReaderPage` (or `ContributorPage`, `CuratorPage`, `AdminPage`), works with
  `page.gallery`, which acts for the reader, and returns `page.show("name.html", **values)`. Routes
  that read photos are `async def` and go through `page.parts.workshop.work(…)`.
- The template begins with `{% extends "frame.html" %}` and fills the blocks `title`, `content` and
  `scripts`. Addresses are written `{{ url("/gallery") }}`, files `{{ asset("ask.js") }}`. There is
  no inline script, handler or style: the browser would refuse it. Numbers and dates go through the
  filters `number`, `percent`, `day` and `time`.
- Its place in the header is a line of `page.PLACES`, with the least role that sees it.
- A form `<form data-send method="post" action="…">` is sent by `page.js` with the token of the
  login. `data-into="#place"`: where the HTML of the answer goes; `data-then="/address"`: where the
  reader goes, unless the answer has a `Location`; `data-done="text"`: what is said of it;
  `data-confirm="text"`: what is asked before. `data-json` sends the fields as a JSON object.
  Attributes of the button that was pressed come first. Errors appear at the form. `import { send,
  tell, fail } from "./page.js"` does the same for other scripts.
- All text goes through `gettext` (`{{ _("…") }}`, `{% trans %}`); text that a script writes is an
  entry of `words.SCRIPT_WORDS`. `python -m gestalt_space.service.web.catalogues` brings the
  catalogues in `locales/` up to the sources; the tests fail for an entry without a translation.
"""

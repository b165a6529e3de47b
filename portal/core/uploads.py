"""File uploads: no form of the portal takes a file."""

from typing import Any, NoReturn

from django.core.files.uploadhandler import FileUploadHandler
from django.http.multipartparser import MultiPartParserError


class RefuseFiles(FileUploadHandler):
    """Refuse every file part before its content is read, so that nothing is written to disk.

    CSRF protection parses forms before anyone has signed in; Django's own handlers would store the files of
    strangers in the temporary folder.
    """

    def new_file(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raise MultiPartParserError, which becomes a 400 page."""
        raise MultiPartParserError("a file, which no form of the portal takes")

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes | None:
        """Keep nothing."""
        return None

    def file_complete(self, file_size: int) -> None:
        """Return no file."""

"""tuspy, the tus project's client for Python."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import requests
from tusclient.client import TusClient
from tusclient.exceptions import TusCommunicationError, TusUploadFailed
from tusclient.storage.filestorage import FileStorage
from tusclient.uploader import Uploader

import cases

URL = os.environ["NEXUS_URL"]
UPLOADS = "/api/dsp/upload/files"
FILM = Path(os.environ["FILM"])
SIZE = FILM.stat().st_size
MEGABYTE = 1 << 20
METADATA = {"filename": FILM.name, "filetype": "video/mp4", "title": "Film from tuspy"}
CUTTING_PROXY = Path(cases.__file__).with_name("cutting-proxy.mjs")


class UploaderOverBadCable(Uploader):
    """While it damages, what it sends does not match the checksum that it names."""

    damaging = False

    @property
    def checksum_algorithm(self):
        return (lambda chunk: hashlib.sha1(chunk[1:])) if self.damaging else hashlib.sha1


def sign_in():
    body = {"email": os.environ["NEXUS_EMAIL"], "password": os.environ["NEXUS_PASSWORD"], "refresh_token": "body"}
    reply = requests.post(f"{URL}/api/auth/login", json=body, timeout=30)
    reply.raise_for_status()
    return {"Authorization": f"Bearer {reply.json()['access_token']}"}


HEADERS = sign_in()


def client(base=URL, headers=None):
    return TusClient(base + UPLOADS, headers=HEADERS if headers is None else headers)


def listed(uploader):
    """The upload as the service lists it."""
    identifier = uploader.url.rsplit("/", 1)[1]
    reply = requests.get(f"{URL}/api/dsp/upload/uploads/{identifier}", headers=HEADERS, timeout=30)
    reply.raise_for_status()
    return reply.json()


def assert_whole(uploader):
    upload = listed(uploader)
    assert (upload["size"], upload["offset"]) == (SIZE, SIZE), upload
    assert upload["state"] in ("checking", "accepted"), upload


def a_whole_file_in_one_request():
    uploader = client().uploader(str(FILM), metadata=METADATA)
    uploader.upload()
    assert_whole(uploader)


def a_file_in_chunks_each_with_its_checksum():
    uploader = client().uploader(str(FILM), chunk_size=MEGABYTE, metadata=METADATA, upload_checksum=True)
    uploader.upload()
    assert_whole(uploader)


def a_chunk_that_does_not_match_its_checksum_is_refused_and_not_kept():
    uploader = UploaderOverBadCable(
        str(FILM), client=client(), chunk_size=MEGABYTE, metadata=METADATA, upload_checksum=True
    )
    uploader.upload_chunk()
    uploader.damaging = True
    try:
        uploader.upload_chunk()
        raise AssertionError("the chunk was taken")
    except TusUploadFailed as error:
        assert error.status_code == 460, error.status_code
    uploader.damaging = False
    assert uploader.get_offset() == MEGABYTE, uploader.get_offset()
    uploader.upload()
    assert_whole(uploader)


def a_connection_that_breaks_in_mid_request_goes_on_where_it_was():
    cut_after = 5 * MEGABYTE
    command = ["node", str(CUTTING_PROXY), URL, str(cut_after)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as proxy:
        base = proxy.stdout.readline().strip()
        uploader = client(base).uploader(str(FILM), metadata=METADATA, retries=3, retry_delay=0)
        uploader.url = uploader.create_url()
        offsets = []
        ask = uploader.get_offset

        def get_offset():
            offsets.append(ask())
            return offsets[-1]

        uploader.get_offset = get_offset
        uploader.upload()
        proxy.stdin.close()
        assert proxy.wait() == 0, "the proxy broke no connection"
    assert len(offsets) == 1 and MEGABYTE < offsets[0] <= cut_after, offsets
    assert_whole(uploader)


def another_process_resumes_from_the_address_that_it_stored():
    storage = FileStorage(str(Path(os.environ["WORK"]) / "tuspy.json"))
    options = {"chunk_size": MEGABYTE, "metadata": METADATA, "store_url": True, "url_storage": storage}
    first = client().uploader(str(FILM), **options)
    first.upload(stop_at=3 * MEGABYTE)
    second = client().uploader(str(FILM), **options)
    assert second.url == first.url and second.offset == 3 * MEGABYTE, (second.url, second.offset)
    second.upload()
    storage.close()
    assert_whole(second)


def without_a_token_nothing_is_created():
    try:
        client(headers={}).uploader(str(FILM), metadata=METADATA).upload()
        raise AssertionError("it was created")
    except TusCommunicationError as error:
        assert error.status_code == 401, error.status_code


def termination():
    raise cases.Skip("tuspy has no call for it; tus-js-client covers termination")


if __name__ == "__main__":
    sys.stdout.reconfigure(line_buffering=True)
    cases.run(
        "tuspy",
        [
            a_whole_file_in_one_request,
            a_file_in_chunks_each_with_its_checksum,
            a_chunk_that_does_not_match_its_checksum_is_refused_and_not_kept,
            a_connection_that_breaks_in_mid_request_goes_on_where_it_was,
            another_process_resumes_from_the_address_that_it_stored,
            without_a_token_nothing_is_created,
            termination,
        ],
    )

"""Random bytes in bodies, headers and paths: the status is never 5xx."""

import random

import pytest

from tests import media

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
SEEDS = {
    "image/png": [media.picture(), media.saved(media.scene(), "TIFF")],
    "image/jpeg": [media.saved(media.scene(), "JPEG"), media.saved(media.scene(), "WEBP")],
    "audio/wav": [media.sound(media.tone(440, 0.1)), media.wav(kind=0x11)],
    "audio/flac": [media.sound(media.tone(440, 0.1), kind=k) for k in ("FLAC", "OGG", "MP3")],
    "text/plain": [b"the day is good", "日本 🎉".encode("utf-16")],
    "application/json": [b'{"instances": ["good", {"b64": "eA==", "media_type": "text/a"}]}'],
    "multipart/form-data; boundary=frontier": [
        media.multipart(("file", media.picture(), "image/png"), ("text", b"good", None))[0]
    ],
}
MODELS = {"image": "colours", "audio": "sounds"}


def damaged(data: bytes, random_: random.Random) -> bytes:
    """Return data with a few bytes changed, removed, doubled or added, or random bytes."""
    if random_.random() < 0.1:
        return random_.randbytes(random_.randrange(200))
    changed = bytearray(data)
    for _ in range(random_.randrange(1, 6)):
        place = random_.randrange(len(changed) + 1)
        match random_.randrange(4):
            case 0:
                changed[place : place + 1] = random_.randbytes(1)
            case 1:
                del changed[place : place + random_.randrange(20)]
            case 2:
                changed[place:place] = changed[place : place + random_.randrange(20)]
            case 3:
                changed[place:place] = random_.randbytes(random_.randrange(20))
    return bytes(changed)


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("media_type", SEEDS)
async def test_no_body_causes_a_5xx(service, media_type: str) -> None:
    random_ = random.Random(media_type)
    model = MODELS.get(media_type.partition("/")[0], "moods")
    for round_ in range(80):
        body = damaged(random_.choice(SEEDS[media_type]), random_)
        for path in (f"/v1/models/{model}/classify", "/v1/classify"):
            response = await service.post(path, content=body, headers={"Content-Type": media_type})
            assert response.status_code < 500, (round_, body)


async def test_no_header_causes_a_5xx(service) -> None:
    random_ = random.Random(7)
    names = ["Content-Type", "X-Request-ID", "Accept", "Content-Encoding", "Host", "Content-Length"]
    seeds = ['text/plain; charset="utf-8"', "multipart/form-data; boundary=x", "application/json"]
    for round_ in range(200):
        value = damaged(random_.choice(seeds).encode(), random_)
        value = bytes(byte for byte in value if byte not in b"\0\r\n")
        headers = [(b"content-type", b"text/plain"), (random_.choice(names).encode(), value)]
        response = await service.post("/v1/models/moods/classify", content=b"good", headers=headers)
        assert response.status_code < 500, (round_, headers)


async def test_no_path_causes_a_5xx(service) -> None:
    random_ = random.Random(8)
    for round_ in range(100):
        path = "".join(random_.choice("/%.?&=\\~*é0aZ;:@") for _ in range(random_.randrange(30)))
        path = "/v1/models/" + path.replace("%", "%25")
        for method in ("GET", "POST"):
            response = await service.request(method, path, headers={"Content-Type": "a/b"})
            assert response.status_code < 500, (round_, path)

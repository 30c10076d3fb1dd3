"""What a page can upload by: the browser client, and the real packages of two Uppys.

A script gets `given` and sends the file that was chosen; it fails when not all has arrived.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx

from benchmarks.stage import Stage
from tests.browser.npm import HERE, Npm

OURS = """async ({ token }) => {
  const { Slipway } = await import("/client/slipway.js");
  const slipway = new Slipway({ baseUrl: location.origin, token });
  await slipway.upload(document.querySelector("input").files[0]);
}"""

UPPY = """async ({ code, options }) => {
  const module = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
  const { AwsS3, Uppy } = await import(module);
  const uppy = new Uppy();
  uppy.use(AwsS3, { ...options, shouldUseMultipart: true });
  const [file] = document.querySelector("input").files;
  uppy.addFile({ source: "page", name: file.name, type: file.type, data: file });
  const { failed } = await uppy.upload();
  if (failed.length) throw new Error(failed[0].error);
}"""


@dataclass(frozen=True, slots=True)
class Uploader:
    """`given(url)` is what the script needs to know of the service there."""

    name: str
    script: str
    given: Callable[[str], dict[str, Any]]


def client(stage: Stage) -> Uploader:
    """The browser client."""
    return Uploader("client", OURS, lambda url: {"token": stage.token_for()})


def uppy_5(stage: Stage, npm: Npm) -> Uploader:
    """Uppy 5 with a header, six parts at once."""

    def options(url: str) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {stage.token_for()}"}
        return {"endpoint": f"{url}/uppy", "headers": headers}

    return _uppy("uppy5", options, stage, npm)


def uppy_6(stage: Stage, npm: Npm) -> Uploader:
    """Uppy 6 with a token in the path, one part after the other."""

    def options(url: str) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {stage.token_for()}"}
        answer = httpx.post(f"{url}/upload-tokens", json={}, headers=headers, trust_env=False)
        token = answer.raise_for_status().json()["token"]
        return {"companionEndpoint": f"{url}/uppy/t/{token}"}

    return _uppy("uppy6", options, stage, npm)


def _uppy(name: str, options: Callable[[str], dict[str, Any]], stage: Stage, npm: Npm) -> Uploader:
    # Given as text: a page whose requests are routed copies every body that it sends.
    code = npm.bundle(HERE / name / "index.js", stage.directory / name).read_text()
    return Uploader(name, UPPY, lambda url: {"code": code, "options": options(url)})

# SPDX-License-Identifier: BSD-2-Clause
"""The list of contents: SPDX 2.3, as JSON."""

import hashlib
import json
import time

HOMELESS = "NOASSERTION"
# Licences that are not on SPDX's list.
OTHER_LICENSES = {
    "LicenseRef-public-domain": "In the public domain, as the authors of XZ Utils say of liblzma."
}
CREATOR = "Tool: loopstall-packaging"


def _id(name):
    return "SPDXRef-Package-" + name.replace("_", "-").replace("+", "-")


def _package(name, version, license_, **more):
    return {
        "SPDXID": _id(name),
        "name": name,
        "versionInfo": version,
        "downloadLocation": HOMELESS,
        "filesAnalyzed": False,
        "licenseConcluded": license_,
        "licenseDeclared": license_,
        "copyrightText": HOMELESS,
        **more,
    }


def _component(component):
    purl = f"pkg:deb/debian/{component.name}@{component.version}"
    reference = {
        "referenceCategory": "PACKAGE-MANAGER",
        "referenceType": "purl",
        "referenceLocator": purl,
    }
    more = {"homepage": component.homepage} if component.homepage else {}
    return _package(
        component.name,
        component.version,
        component.license,
        supplier="Organization: Debian",
        sourceInfo=f"Debian source package {component.source} {component.source_version}",
        externalRefs=[reference],
        **more,
    )


def _file(release):
    with open(release.program, "rb") as f:
        data = f.read()
    return {
        "SPDXID": "SPDXRef-File-loopstall",
        "fileName": "./bin/loopstall",
        "fileTypes": ["BINARY"],
        "checksums": [
            {"algorithm": "SHA1", "checksumValue": hashlib.sha1(data).hexdigest()},
            {"algorithm": "SHA256", "checksumValue": hashlib.sha256(data).hexdigest()},
        ],
        "licenseConcluded": HOMELESS,
        "licenseInfoInFiles": [HOMELESS],
        "copyrightText": HOMELESS,
    }


def _relation(subject, kind, object_):
    return {
        "spdxElementId": subject,
        "relationshipType": kind,
        "relatedSpdxElement": object_,
    }


def _relations(components, program):
    own = _id("loopstall")
    yield _relation("SPDXRef-DOCUMENT", "DESCRIBES", own)
    yield _relation(own, "CONTAINS", program["SPDXID"])
    for component in components:
        kind = "STATIC_LINK" if not component.is_compiled_in else "GENERATED_FROM"
        yield _relation(program["SPDXID"], kind, _id(component.name))


def document(release):
    program = _file(release)
    digest = program["checksums"][1]["checksumValue"]
    name = f"loopstall-{release.version}-{release.machine}"
    own = _package(
        "loopstall",
        release.version,
        "BSD-2-Clause AND (GPL-2.0-only OR BSD-2-Clause)",
        primaryPackagePurpose="APPLICATION",
    )
    return {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": name,
        # A name, not an address: it only has to be different for each program.
        "documentNamespace": f"https://spdx.org/spdxdocs/{name}-{digest}",
        "creationInfo": {
            "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(release.epoch)),
            "creators": [CREATOR],
        },
        "packages": [own, *map(_component, release.components)],
        "files": [program],
        "relationships": list(_relations(release.components, program)),
        "hasExtractedLicensingInfos": [
            {"licenseId": license_, "extractedText": text}
            for license_, text in OTHER_LICENSES.items()
        ],
    }


def text(release):
    return json.dumps(document(release), indent=1) + "\n"

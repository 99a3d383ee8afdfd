"""The service is as its OpenAPI description says."""

import jsonschema
import openapi_spec_validator

from tests.conftest import Server

NPY = "application/x-npy"


def test_the_description_is_valid_and_describes_what_exists(server: Server):
    document = server.get("/docs.json").json()
    openapi_spec_validator.validate(document)
    assert len(document["paths"]) == 10
    for path, methods in document["paths"].items():
        for method in methods:
            answer = server.get(path) if method == "get" else server.post(path, {"length": 2})
            assert answer.status == 200, path
            if method == "post":
                assert answer.headers.get_content_type() in methods[method]["responses"]["200"]["content"]


def test_answers_and_errors_are_as_described(server: Server):
    document = server.get("/docs.json").json()
    responses = document["paths"]["/generate"]["post"]["responses"]
    schema = responses["200"]["content"]["application/json"]["schema"]
    jsonschema.validate(server.post("/generate", {"count": 2}).json(), schema)
    error = document["components"]["schemas"]["Error"]
    for body in ({"count": 0}, b"{"):
        answer = server.post("/generate", body)
        assert str(answer.status) in responses
        jsonschema.validate(answer.json(), error)


def test_the_bounds_of_the_description_are_those_of_the_checks(server: Server):
    schema = server.get("/docs.json").json()["paths"]["/generate"]["post"]["requestBody"]["content"]
    fields = schema["application/json"]["schema"]["properties"]
    assert fields["count"]["maximum"] == 2000
    assert server.post("/generate", {"count": 2000, "length": 1}, NPY).status == 200
    assert server.post("/generate", {"count": 2001, "length": 1}, NPY).status == 422
    longest = fields["length"]["maximum"]
    assert server.post("/generate", {"length": longest}, NPY).status == 200
    assert server.post("/generate", {"length": longest + 1}, NPY).status == 422

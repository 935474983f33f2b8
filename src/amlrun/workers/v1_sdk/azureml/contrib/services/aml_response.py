"""v1's place of the inference server's responses. Written from documentation; not Microsoft's code."""

try:
    from azureml_inference_server_http.api.aml_response import AMLResponse
except ImportError as error:
    from azureml._amlrun.notes import sentence

    raise ImportError(sentence(__name__), name=__name__) from error

__all__ = ["AMLResponse"]

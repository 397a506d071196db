# SPDX-License-Identifier: BSD-2-Clause
"""A receiver of OTLP over HTTP, and the messages of its protocol as descriptors of protobuf.
Names, numbers and types are those of the public protocol (opentelemetry/proto/*/v1, 1.x)."""

import http.server
import ssl
import threading
import time

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_FIELD = descriptor_pb2.FieldDescriptorProto
# Message -> fields: (number, name, type, is repeated, oneof).
_MESSAGES = {
    "AnyValue": [
        (1, "string_value", "string", False, "value"),
        (2, "bool_value", "bool", False, "value"),
        (3, "int_value", "int64", False, "value"),
        (4, "double_value", "double", False, "value"),
    ],
    "KeyValue": [(1, "key", "string"), (2, "value", "AnyValue")],
    "InstrumentationScope": [(1, "name", "string"), (2, "version", "string")],
    "Resource": [(1, "attributes", "KeyValue", True)],
    "LogRecord": [
        (1, "time_unix_nano", "fixed64"),
        (2, "severity_number", "int32"),  # an enum
        (3, "severity_text", "string"),
        (5, "body", "AnyValue"),
        (6, "attributes", "KeyValue", True),
        (9, "trace_id", "bytes"),
        (10, "span_id", "bytes"),
        (11, "observed_time_unix_nano", "fixed64"),
        (12, "event_name", "string"),
    ],
    "ScopeLogs": [(1, "scope", "InstrumentationScope"), (2, "log_records", "LogRecord", True)],
    "ResourceLogs": [(1, "resource", "Resource"), (2, "scope_logs", "ScopeLogs", True)],
    "ExportLogsServiceRequest": [(1, "resource_logs", "ResourceLogs", True)],
    "NumberDataPoint": [
        (7, "attributes", "KeyValue", True),
        (2, "start_time_unix_nano", "fixed64"),
        (3, "time_unix_nano", "fixed64"),
        (4, "as_double", "double", False, "value"),
        (6, "as_int", "sfixed64", False, "value"),
    ],
    "HistogramDataPoint": [
        (9, "attributes", "KeyValue", True),
        (2, "start_time_unix_nano", "fixed64"),
        (3, "time_unix_nano", "fixed64"),
        (4, "count", "fixed64"),
        (5, "sum", "double", False, "_sum"),  # optional: 0 is told
        (6, "bucket_counts", "fixed64", True),
        (7, "explicit_bounds", "double", True),
    ],
    "Gauge": [(1, "data_points", "NumberDataPoint", True)],
    "Sum": [
        (1, "data_points", "NumberDataPoint", True),
        (2, "aggregation_temporality", "int32"),  # an enum
        (3, "is_monotonic", "bool"),
    ],
    "Histogram": [
        (1, "data_points", "HistogramDataPoint", True),
        (2, "aggregation_temporality", "int32"),
    ],
    "Metric": [
        (1, "name", "string"),
        (2, "description", "string"),
        (3, "unit", "string"),
        (5, "gauge", "Gauge", False, "data"),
        (7, "sum", "Sum", False, "data"),
        (9, "histogram", "Histogram", False, "data"),
    ],
    "ScopeMetrics": [(1, "scope", "InstrumentationScope"), (2, "metrics", "Metric", True)],
    "ResourceMetrics": [(1, "resource", "Resource"), (2, "scope_metrics", "ScopeMetrics", True)],
    "ExportMetricsServiceRequest": [(1, "resource_metrics", "ResourceMetrics", True)],
    "PartialSuccess": [(1, "rejected", "int64"), (2, "error_message", "string")],
    "Reply": [(1, "partial_success", "PartialSuccess")],  # of both services
}
CUMULATIVE = 2
PATHS = {"/v1/logs": "ExportLogsServiceRequest", "/v1/metrics": "ExportMetricsServiceRequest"}


def _add_field(message, number, name, kind, is_repeated=False, oneof=None):
    label = _FIELD.LABEL_REPEATED if is_repeated else _FIELD.LABEL_OPTIONAL
    field = message.field.add(name=name, number=number, label=label)
    if kind in _MESSAGES:
        field.type, field.type_name = _FIELD.TYPE_MESSAGE, ".otlp." + kind
    else:
        field.type = getattr(_FIELD, "TYPE_" + kind.upper())
    if oneof:
        if not message.oneof_decl:
            message.oneof_decl.add(name=oneof)
        field.oneof_index = 0


def _classes():
    file = descriptor_pb2.FileDescriptorProto(name="otlp", package="otlp", syntax="proto3")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field in fields:
            _add_field(message, *field)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    factory = message_factory.MessageFactory(pool)
    return {
        name: factory.GetPrototype(pool.FindMessageTypeByName("otlp." + name))
        for name in _MESSAGES
    }


CLASSES = _classes()


def decode(path, body):
    request = CLASSES[PATHS[path]]()
    request.ParseFromString(body)
    # What the schema does not have would be kept as unknown: then it comes out longer.
    for name in ("resource_logs", "resource_metrics"):
        for found in getattr(request, name, ()):
            found.DiscardUnknownFields()
    if len(request.SerializeToString()) != len(body):
        raise ValueError("fields that the protocol does not have, or defaults that were written")
    return request


def values_of(attributes):
    return {a.key: getattr(a.value, a.value.WhichOneof("value")) for a in attributes}


class Quiet(http.server.ThreadingHTTPServer):
    def handle_error(self, *_):
        """A sender that is killed leaves a connection behind."""


class Receiver:
    """Answers with `status` after `delay` seconds, and keeps what it has accepted. With a
    certificate, and its key in the same file, by TLS."""

    def __init__(self, port=0, certificate=None):
        self.status, self.delay, self.rejects = 200, 0, 0
        self.requests = []  # (path, message)
        self.headers = []  # of each attempt
        self.attempts = []  # (time, status)
        self.faults = []
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                receiver.take(self)

            def log_message(self, *_):
                pass

        self._server = Quiet(("127.0.0.1", port), Handler)
        self.port = self._server.server_address[1]
        self.url = "http%s://127.0.0.1:%d" % ("s" if certificate else "", self.port)
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def take(self, handler):
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        status = self.status
        self.attempts.append((time.monotonic(), status))
        self.headers.append(dict(handler.headers.items()))
        time.sleep(self.delay)
        reply = b""
        if status == 200:
            try:
                if handler.headers["Content-Type"] != "application/x-protobuf":
                    raise ValueError("Content-Type %r" % handler.headers["Content-Type"])
                self.requests.append((handler.path, decode(handler.path, body)))
            except Exception as error:
                self.faults.append(repr(error))
            if self.rejects:
                partial = CLASSES["PartialSuccess"](rejected=self.rejects, error_message="no")
                reply = CLASSES["Reply"](partial_success=partial).SerializeToString()
        handler.send_response(status)
        handler.send_header("Content-Type", "application/x-protobuf")
        handler.send_header("Content-Length", str(len(reply)))
        handler.end_headers()
        handler.wfile.write(reply)

    def logs(self):
        """(values of the resource, record) of all records."""
        return [
            (values_of(found.resource.attributes), record)
            for path, request in list(self.requests)
            if path == "/v1/logs"
            for found in request.resource_logs
            for scope in found.scope_logs
            for record in scope.log_records
        ]

    def metrics(self):
        """Of the newest request: service -> name -> metric."""
        newest = [r for path, r in list(self.requests) if path == "/v1/metrics"][-1:]
        return {
            values_of(found.resource.attributes)["service.name"]: {
                metric.name: metric for scope in found.scope_metrics for metric in scope.metrics
            }
            for request in newest
            for found in request.resource_metrics
        }

    def close(self):
        self._server.shutdown()
        self._server.server_close()

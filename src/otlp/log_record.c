/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See log_record.h. Names of attributes are those of OpenTelemetry's conventions where there is one
 * (code.*, process.pid, thread.id, cpython.gc.generation).
 */
#include "otlp/log_record.h"

#include <stdio.h>
#include <string.h>

#include "base/time.h"
#include "base/utf8.h"
#include "model/vocabulary.h"

/* LogRecord, and ScopeLogs for the first. */
enum { SCOPE_RECORDS = 2 };
enum {
	RECORD_TIME = 1,
	RECORD_SEVERITY = 2,
	RECORD_SEVERITY_TEXT = 3,
	RECORD_BODY = 5,
	RECORD_ATTRIBUTES = 6,
	RECORD_TRACE_ID = 9,
	RECORD_SPAN_ID = 10,
	RECORD_OBSERVED = 11,
	RECORD_EVENT_NAME = 12,
};
enum { ANY_STRING = 1 };
enum { SEVERITY_WARN = 13, SEVERITY_ERROR = 17 };

#define EVENT_NAME "loopstall.stall"
/* From here on a stall is an error: health checks begin to fail. */
#define ERROR_NS NS_PER_S
#define BODY_BYTES 512
#define SECONDS(ns) ((double)(ns) / NS_PER_S)

static const struct model_frame *place_of(const struct stall *stall)
{
	return stall->own.function ? &stall->own : &stall->call;
}

static const char *known(const char *text)
{
	return text && *text ? text : "?";
}

static void put_body(struct protobuf *p, const struct stall *stall)
{
	const struct model_frame *place = place_of(stall);
	char raw[BODY_BYTES], text[BODY_BYTES];
	struct protobuf any = {};

	snprintf(raw, sizeof(raw), "%s of %s stalled the event loop for %.1f ms, %s: %s:%u in %s",
		 vocabulary_unit(stall->unit), known(stall->coroutine.name),
		 (double)stall->duration_ns / NS_PER_MS, vocabulary_cause(stall->cause),
		 known(place->file), place->line, known(place->function));
	protobuf__bytes(&any, ANY_STRING, text, utf8__sanitize(raw, text, sizeof(text)));
	protobuf__message(p, RECORD_BODY, &any);
	protobuf__done(&any);
}

static void put_severity(struct protobuf *p, const struct stall *stall)
{
	const bool is_error = stall->duration_ns >= ERROR_NS;
	const char *text = is_error ? "ERROR" : "WARN";

	protobuf__u64(p, RECORD_SEVERITY, is_error ? SEVERITY_ERROR : SEVERITY_WARN);
	protobuf__bytes(p, RECORD_SEVERITY_TEXT, text, strlen(text));
}

static void put_attributes(struct protobuf *p, const struct stall *stall)
{
	const struct model_frame *place = place_of(stall);
	char id[STALL_ID_BYTES];

	stall__id(stall, id, sizeof(id));
#define TEXT(key, value) otlp_text(p, RECORD_ATTRIBUTES, key, value)
#define NUMBER(key, value) otlp_number(p, RECORD_ATTRIBUTES, key, value)
	NUMBER("process.pid", stall->pid);
	NUMBER("thread.id", stall->tid);
	TEXT("code.function.name", place->function);
	TEXT("code.file.path", place->file);
	if (place->line)
		NUMBER("code.line.number", place->line);
	TEXT("loopstall.id", id);
	TEXT("loopstall.unit", vocabulary_unit(stall->unit));
	TEXT("loopstall.cause", vocabulary_cause(stall->cause));
	TEXT("loopstall.task", stall->is_task_name_unknown ? NULL : stall->task_name);
	TEXT("loopstall.coroutine", stall->coroutine.name);
	TEXT("loopstall.entry", stall->entry.function);
	TEXT("loopstall.syscall", stall->call_syscall);
	otlp_double(p, RECORD_ATTRIBUTES, "loopstall.duration", SECONDS(stall->duration_ns));
	if (!stall->is_victims_unknown) {
		NUMBER("loopstall.victims", stall->victims);
		otlp_double(p, RECORD_ATTRIBUTES, "loopstall.starved", SECONDS(stall->starved_ns));
	}
	if (stall->gc_generation)
		NUMBER("cpython.gc.generation", stall->gc_generation - 1);
#undef TEXT
#undef NUMBER
}

void otlp_log_record(struct protobuf *p, const struct otlp_resource *resource,
		     const struct stall *stall, const struct otlp_log_facts *facts)
{
	struct protobuf record = {}, records = {};

	protobuf__fixed64(&record, RECORD_TIME,
			  stall->start_ns + stall->duration_ns + facts->clock_offset_ns);
	put_severity(&record, stall);
	put_body(&record, stall);
	put_attributes(&record, stall);
	if (stall->trace.span_id) {
		protobuf__bytes(&record, RECORD_TRACE_ID, stall->trace.trace_id,
				sizeof(stall->trace.trace_id));
		protobuf__bytes(&record, RECORD_SPAN_ID, &stall->trace.span_id,
				sizeof(stall->trace.span_id));
	}
	protobuf__fixed64(&record, RECORD_OBSERVED, facts->now_unix_ns);
	protobuf__bytes(&record, RECORD_EVENT_NAME, EVENT_NAME, strlen(EVENT_NAME));
	protobuf__message(&records, SCOPE_RECORDS, &record);
	otlp_wrap(p, resource, facts->version, &records);
	protobuf__done(&record);
	protobuf__done(&records);
}

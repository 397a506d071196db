/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See html_page.h. The files of src/report/html/ are put into the program by the assembler.
 */
#include "report/html_page.h"

#include <stdbool.h>
#include <stddef.h>

#include "base/array.h"

/* Hidden, so that no table of addresses is used: linkers do not support that for local symbols. */
#define HIDDEN __attribute__((visibility("hidden")))
#define EMBED(symbol, path)                                                                        \
	__asm__(".section .rodata, \"a\"\n" #symbol ":\n\t.incbin \"" path "\"\n" #symbol          \
		"_end:\n\t.previous\n");                                                           \
	HIDDEN extern const char symbol[], symbol##_end[]

EMBED(page_css, "src/report/html/page.css");
EMBED(page_text_js, "src/report/html/text.js");
EMBED(page_state_js, "src/report/html/state.js");
EMBED(page_unpack_js, "src/report/html/unpack.js");
EMBED(page_selection_js, "src/report/html/selection.js");
EMBED(page_timeline_js, "src/report/html/timeline.js");
EMBED(page_flame_js, "src/report/html/flame.js");
EMBED(page_sandwich_js, "src/report/html/sandwich.js");
EMBED(page_columns_js, "src/report/html/columns.js");
EMBED(page_rows_js, "src/report/html/rows.js");
EMBED(page_tables_js, "src/report/html/tables.js");
EMBED(page_detail_js, "src/report/html/detail.js");
EMBED(page_header_js, "src/report/html/header.js");
EMBED(page_keys_js, "src/report/html/keys.js");
EMBED(page_main_js, "src/report/html/main.js");
EMBED(page_live_js, "src/report/html/live.js");

static const struct {
	const char *text, *end;
	bool is_live_only;
} scripts[] = {
	{ page_text_js, page_text_js_end, false },
	{ page_state_js, page_state_js_end, false },
	{ page_unpack_js, page_unpack_js_end, false },
	{ page_selection_js, page_selection_js_end, false },
	{ page_timeline_js, page_timeline_js_end, false },
	{ page_flame_js, page_flame_js_end, false },
	{ page_sandwich_js, page_sandwich_js_end, false },
	{ page_columns_js, page_columns_js_end, false },
	{ page_rows_js, page_rows_js_end, false },
	{ page_tables_js, page_tables_js_end, false },
	{ page_detail_js, page_detail_js_end, false },
	{ page_header_js, page_header_js_end, false },
	{ page_keys_js, page_keys_js_end, false },
	{ page_main_js, page_main_js_end, false },
	{ page_live_js, page_live_js_end, true },
};

/* The content security policy keeps the page from the network even if a name escaped its quotes. */
static const char head[] =
	"<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	"<meta http-equiv=\"Content-Security-Policy\" content=\"%s\">\n"
	"<title>%s</title>\n<style>\n";
static const char body[] = "</style>\n</head>\n<body>\n<main id=\"main\"></main>\n"
			   "<noscript>This report is drawn by its own script.</noscript>\n";
static const char data_begin[] = "<script type=\"text/plain\" id=\"data\">";
static const char data_end[] = "</script>\n";
static const char script_begin[] = "<script>\n(function () {\n'use strict';\n";
static const char tail[] = "}());\n</script>\n</body>\n</html>\n";

void html_page__begin(FILE *out, enum html_page page)
{
	const bool is_live = page == HTML_PAGE_LIVE;

	fprintf(out, head, is_live ? HTML_PAGE_LIVE_POLICY : HTML_PAGE_POLICY,
		is_live ? "loopstall" : "loopstall report");
	fwrite(page_css, 1, (size_t)(page_css_end - page_css), out);
	fputs(body, out);
	if (!is_live)
		fputs(data_begin, out);
}

void html_page__end(FILE *out, enum html_page page)
{
	const bool is_live = page == HTML_PAGE_LIVE;

	if (!is_live)
		fputs(data_end, out);
	fputs(script_begin, out);
	for (size_t i = 0; i < N_OF(scripts); i++)
		if (is_live || !scripts[i].is_live_only)
			fwrite(scripts[i].text, 1, (size_t)(scripts[i].end - scripts[i].text), out);
	fputs(is_live ? "live.start();\n" : "start();\n", out);
	fputs(tail, out);
}

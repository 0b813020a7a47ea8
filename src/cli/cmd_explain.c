// seep explain: the pages of docs/causes/, as they are embedded, and what each verdict claims.
//
// The pages are Markdown that reads well as it is; all that is done here is that headings stand out
// and that the fences of code become an indentation.
#include "cli/cli.h"

#include "cli/options.h"
#include "cli/output.h"
#include "report/cause_pages.h"
#include "report/style.h"
#include "report/wording.h"

#include <argp.h>
#include <string.h>
#include <unistd.h>

enum { PAGE_COLUMNS = 84 }; // as the pages are

static const struct {
	const char *name, *line, *text;
} verdicts[] = {
	{ "proven", "cannot wake, cannot be seen: nothing alive leads there",
	  "What these goroutines wait on can be reached from nothing that can run: no package variable, no goroutine that "
	  "runs or may still run, no timer, no finalizer. Nobody is left who could wake them. This follows from reachability "
	  "alone, the way the garbage collector itself decides, and assumes only that the program hides no Go pointer in "
	  "C memory or in integers. Of memory it says that no string, slice or pointer that the program can still reach shows it, "
	  "where one of unknown type shows everything. What it says of tickers or finalizers, `seep explain` tells at these." },
	{ "deadlocked", "part of a complete circle of waiting, or behind one",
	  "These goroutines wait for each other in a closed circle, or wait for somebody in one. What they wait on may be a "
	  "package variable, so others could reach it; the verdict assumes the usual discipline that who locks also unlocks." },
	{ "abandoned", "waits for a lock that no code still to run will release",
	  "The lock is locked, nobody is seen to hold it, and no goroutine has an Unlock of it ahead in its frames or in its "
	  "pending defers. Code that is not running yet could still reach the lock and release it, which would be unusual." },
	{ "suspect", "strong signs of a leak, not a proof",
	  "Much speaks for a leak, for example age and number, but something is missing for a proof. The evidence of the "
	  "finding says what." },
	{ "waiting", "could still wake; never counted as a leak",
	  "Something alive could wake these goroutines; the finding names it. One possible waker that cannot be ruled out is "
	  "enough for this verdict. Shown with --all only." },
	{ "intended", "blocks for ever on purpose",
	  "Blocked for ever by design, such as main in `select {}` while others serve. Never counted as a leak, shown with "
	  "--all only." },
};

static void add_list(struct seep_str *str, bool color)
{
	seep_style_add(str, SEEP_INK_BOLD, color, "Causes");
	seep_str_add(str, "\n");
	for (size_t i = 0; i < seep_cause_page_count; i++) {
		seep_str_addf(str, "  %-17s ", seep_cause_pages[i].name);
		seep_wording_title(str, &seep_cause_pages[i]);
		seep_str_add(str, "\n");
	}
	seep_str_add(str, "\n");
	seep_style_add(str, SEEP_INK_BOLD, color, "Verdicts");
	seep_str_add(str, "\n");
	for (size_t i = 0; i < sizeof(verdicts) / sizeof(*verdicts); i++)
		seep_str_addf(str, "  %-17s %s\n", verdicts[i].name, verdicts[i].line);
	seep_str_add(str, "\n`seep explain NAME` tells more about one.\n");
}

static void add_page(struct seep_str *str, const char *text, bool color)
{
	bool code = false;

	while (*text) {
		size_t len = strcspn(text, "\n");
		bool heading = !code && text[0] == '#';

		if (len >= 3 && memcmp(text, "```", 3) == 0) {
			code = !code;
		} else {
			if (code && len)
				seep_style_spaces(str, 4);
			seep_str_add(str, seep_style_on(heading ? SEEP_INK_BOLD : SEEP_INK_PLAIN,
							color));
			seep_str_add_bytes(str, text, len);
			seep_str_add(str, seep_style_off(heading ? SEEP_INK_BOLD : SEEP_INK_PLAIN,
							 color));
			seep_str_add(str, "\n");
		}
		text += len + (text[len] == '\n');
	}
}

static bool add_named(struct seep_str *str, const char *name, bool color)
{
	for (size_t i = 0; i < seep_cause_page_count; i++) {
		if (strcmp(seep_cause_pages[i].name, name) == 0) {
			add_page(str, seep_cause_pages[i].text, color);
			return true;
		}
	}
	for (size_t i = 0; i < sizeof(verdicts) / sizeof(*verdicts); i++) {
		if (strcmp(verdicts[i].name, name) == 0) {
			_cleanup_(seep_str_deinit) struct seep_str title = {};

			seep_str_addf(&title, "# %s: %s", name, verdicts[i].line);
			seep_style_add(str, SEEP_INK_BOLD, color, seep_str_text(&title));
			seep_str_add(str, "\n\n");
			seep_style_wrap(str, verdicts[i].text, 0, 0, PAGE_COLUMNS);
			seep_str_add(str, "\n");
			str->failed |= title.failed;
			return true;
		}
	}
	return false;
}

struct arguments {
	const char *name;
	enum seep_color_when color;
};

enum { KEY_COLOR = 256 };

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *args = state->input;
	struct seep_error *err;

	switch (key) {
	case KEY_COLOR:
		err = seep_option_color(arg, &args->color);
		if (err)
			exit(seep_cli_fail(err));
		return 0;
	case ARGP_KEY_ARG:
		if (args->name)
			argp_error(state, "one name at a time");
		args->name = arg;
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static struct seep_error *run(const struct arguments *args)
{
	_cleanup_(seep_str_deinit) struct seep_str str = {};
	_cleanup_(seep_output_deinit) struct seep_output output = {};
	bool color = seep_color_wanted(args->color, STDOUT_FILENO);
	struct seep_error *err;

	if (!args->name)
		add_list(&str, color);
	else if (!add_named(&str, args->name, color))
		return seep_error_format(
			SEEP_ERROR_USAGE,
			"'%s' is neither a cause nor a verdict; `seep explain` lists them",
			args->name);
	if (str.failed)
		return &seep_enomem;
	err = seep_output_open(NULL, &output);
	if (err)
		return err;
	fwrite(str.text, 1, str.len, output.file);
	return seep_output_finish(&output);
}

int seep_cmd_explain(int argc, char **argv)
{
	static const struct argp_option options[] = {
		{ "color", KEY_COLOR, "WHEN", 0,
		  "auto (default), always or never; NO_COLOR counts with auto", 0 },
		{},
	};
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.args_doc = "[CAUSE|VERDICT]",
		.doc = "Explains a cause of leaks: an example, its repair, the evidence and its limits. Or what a verdict claims. "
		       "Without a name, lists them all.",
	};
	struct arguments args = {};

	if (argp_parse(&argp, argc, argv, 0, NULL, &args) != 0)
		return SEEP_EXIT_INTERNAL;
	struct seep_error *err = run(&args);
	return err ? (int)seep_cli_fail(err) : SEEP_EXIT_OK;
}

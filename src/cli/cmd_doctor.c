// seep doctor: what would stop an attach here, asked one by one, and the verdict that follows.
//
// The checks are those of target/check.h, and the steps of an attach that stop nothing: opening the process, reading its
// executable, measuring what would be copied. What one of these steps says is what `seep PID` would say.
#include "cli/cli.h"

#include "base/large.h"
#include "binary/binary.h"
#include "cli/options.h"
#include "cli/output.h"
#include "detect/detail.h"
#include "report/json.h"
#include "report/style.h"
#include "runtime/snapshot.h"
#include "target/check.h"
#include "target/process.h"

#include <argp.h>
#include <jansson.h>
#include <string.h>
#include <unistd.h>

/** What was asked for, and the answers. */
struct visit {
	pid_t pid; /** 0: the machine in general */
	bool json;
	enum seep_color_when color;
	struct seep_checks checks;
	bool sized,
		worth_watching; /** the copy was measured; and is large enough for pre-copy to pay */
};

struct verdict {
	enum seep_exit exit;
	bool precopy; /** can be had */
	const struct seep_check *decides; /** the first of the worst; NULL: all are ok */
};

static struct seep_error *add(struct visit *visit, const char *name,
			      enum seep_check_outcome outcome, const struct seep_str *found,
			      const char *remedy)
{
	return seep_check_add(&visit->checks, name, outcome, seep_str_text(found), remedy);
}

/** An error that an attach would end with becomes a check that fails; what is wrong with seep itself stays an error. */
static struct seep_error *add_failure(struct visit *visit, const char *name, struct seep_error *err,
				      const char *remedy)
{
	if (err->code == SEEP_ERROR_NO_MEMORY || err->code == SEEP_ERROR_USAGE)
		return err;
	struct seep_error *failed =
		seep_check_add(&visit->checks, name, SEEP_CHECK_FAILS, err->message, remedy);
	if (!failed)
		visit->checks.data[visit->checks.len - 1].code = err->code;
	seep_error_destroy(err);
	return failed;
}

static bool has_failed(const struct visit *visit)
{
	seep_vec_foreach(check, &visit->checks)
		if (check->outcome == SEEP_CHECK_FAILS)
			return true;
	return false;
}

/** Whether the executable is Go, of a process that may not be attached to. */
static struct seep_error *check_file(struct visit *visit)
{
	_cleanup_(seep_image_deinit) struct seep_image image = {};
	_cleanup_(seep_buildinfo_deinit) struct seep_buildinfo info = {};
	int fd = seep_process_open_exe(visit->pid);

	if (fd < 0)
		return NULL;
	struct seep_error *err = seep_image_open(fd, NULL, &image);
	if (!err)
		err = seep_buildinfo_read(&image, &info);
	close(fd);
	return err ? add_failure(visit, "executable", err, "") :
		     seep_check_add(&visit->checks, "executable", SEEP_CHECK_OK, info.version, "");
}

static struct seep_error *check_memory(struct visit *visit, struct seep_target *target,
				       const struct seep_binary *binary)
{
	_cleanup_(seep_str_deinit) struct seep_str found = {};
	uint64_t copy = seep_snapshot_bytes(target, binary, &visit->worth_watching);
	uint64_t needed = seep_plan_limit(copy, seep_large_resident());
	struct seep_room room = seep_check_room();
	uint64_t left = room.group < room.machine ? room.group : room.machine;
	const char *remedy = "";
	enum seep_check_outcome outcome = SEEP_CHECK_OK;

	visit->sized = true;
	seep_str_add(&found, "a copy takes ");
	seep_style_bytes(&found, copy);
	seep_str_add(&found, ", and judging goroutines by it ");
	seep_style_bytes(&found, needed);
	if (seep_target_stats(target).spans_left_out) {
		outcome = SEEP_CHECK_FAILS;
		seep_str_add(&found,
			     "; seep's address space is limited, and there is no room for it");
		remedy = "`ulimit -v unlimited`";
	} else if (left < 2 * needed) {
		outcome = room.machine < needed ? SEEP_CHECK_FAILS : SEEP_CHECK_SLOWER;
		seep_str_add(&found, "; only ");
		seep_style_bytes(&found, left);
		seep_str_add(&found, room.group < room.machine ?
					     " are left in seep's control group, files included" :
					     " are left on this machine");
		remedy =
			"`--max-mem SIZE` keeps seep to what there is; or run it elsewhere: outside of the "
			"container, or with a higher limit (`docker run --memory`, resources.limits.memory, MemoryMax=)";
	}
	struct seep_error *err = add(visit, "memory", outcome, &found, remedy);
	if (!err)
		visit->checks.data[visit->checks.len - 1].code = SEEP_ERROR_NO_MEMORY;
	return err;
}

/** What an attach does before it stops anything. */
static struct seep_error *check_opened(struct visit *visit, struct seep_target *target)
{
	_cleanup_(seep_str_deinit) struct seep_str found = {};
	struct seep_binary *binary = NULL;
	struct seep_error *err = seep_binary_open(target, &binary);

	if (err)
		return add_failure(visit, "executable", err, "");
	seep_str_addf(&found, "%s%s, %s", binary->info.version,
		      binary->image.stripped ? ", stripped" : "", seep_target_exe_path(target));
	err = add(visit, "executable", SEEP_CHECK_OK, &found, "");
	if (!err)
		err = seep_check_target(target, &visit->checks);
	if (!err)
		err = check_memory(visit, target, binary);
	seep_binary_close(binary);
	return err;
}

static struct seep_error *check_process(struct visit *visit)
{
	struct seep_target *target = NULL;
	struct seep_error *err;
	bool unable = has_failed(visit);

	err = seep_check_rights(visit->pid, &visit->checks);
	if (err)
		return err;
	bool refused = has_failed(visit);
	err = seep_target_open(visit->pid, &target);
	if (err && refused && err->code == SEEP_ERROR_NOT_PERMITTED) {
		seep_error_destroy(err);
		return check_file(visit);
	}
	if (err)
		return add_failure(
			visit, "process", err,
			err->code != SEEP_ERROR_GONE ?
				"" :
				"find it with `seep ps`; in a container only its own processes are to be seen: "
				"`docker run --pid=container:NAME`, `kubectl debug --target=CONTAINER`");
	err = refused && !unable ? check_file(visit) : check_opened(visit, target);
	seep_target_close(target);
	return err;
}

/** No process and no Go go before what is not permitted: there is nothing to be mended then. */
static struct verdict judge(const struct visit *visit)
{
	struct verdict verdict = { .exit = SEEP_EXIT_OK, .precopy = true };

	seep_vec_foreach(check, &visit->checks) {
		if (check->outcome == SEEP_CHECK_STOPS)
			verdict.precopy = false;
		if (check->outcome == SEEP_CHECK_FAILS) {
			enum seep_exit exit = seep_cli_status(check->code);
			if (verdict.exit == SEEP_EXIT_OK ||
			    (verdict.exit == SEEP_EXIT_NOT_PERMITTED && exit != verdict.exit)) {
				verdict.exit = exit;
				verdict.decides = check;
			}
		} else if (verdict.exit == SEEP_EXIT_OK && check->outcome != SEEP_CHECK_OK &&
			   (!verdict.decides || check->outcome > verdict.decides->outcome)) {
			verdict.decides = check;
		}
	}
	return verdict;
}

static const char *method_of(const struct visit *visit, const struct verdict *verdict)
{
	return verdict->precopy && (visit->worth_watching || !visit->sized) ? "pre-copy" :
									      "stop-and-copy";
}

// --- as text ---

static const char *const words[] = { "ok", "degraded", "degraded", "fails" };
static const enum seep_ink inks[] = { SEEP_INK_GOOD, SEEP_INK_WARN, SEEP_INK_WARN, SEEP_INK_BAD };

enum { WORD_WIDTH = 10, NAME_WIDTH = 20 };

static void add_check(struct seep_str *str, const struct seep_check *check, bool color,
		      size_t columns)
{
	_cleanup_(seep_str_deinit) struct seep_str safe = {};
	size_t indent = WORD_WIDTH + NAME_WIDTH;

	seep_str_add_escaped(&safe, check->found, strlen(check->found));
	if (*check->remedy) {
		seep_str_add(&safe, " -> ");
		seep_str_add_escaped(&safe, check->remedy, strlen(check->remedy));
	}
	seep_style_add(str, inks[check->outcome], color, words[check->outcome]);
	seep_style_spaces(str, WORD_WIDTH - strlen(words[check->outcome]));
	seep_str_addf(str, "%-*s", NAME_WIDTH, check->name);
	seep_style_wrap(str, seep_str_text(&safe), indent, indent, columns);
	seep_str_add(str, "\n");
	str->failed |= safe.failed;
}

static void add_verdict(struct seep_str *str, const struct visit *visit,
			const struct verdict *verdict, bool color)
{
	_cleanup_(seep_str_deinit) struct seep_str line = {};
	const struct seep_check *why = verdict->decides;
	bool small = visit->sized && !visit->worth_watching;

	if (visit->pid)
		seep_str_addf(&line, "seep %d would ", (int)visit->pid);
	else
		seep_str_add(&line, "seep PID would ");
	if (verdict->exit != SEEP_EXIT_OK)
		seep_str_addf(&line, "fail with exit status %d: %s", (int)verdict->exit, why->name);
	else if (small)
		seep_str_addf(&line, "work: stop-and-copy, since there is little to copy%s",
			      verdict->precopy ? "" : " (pre-copy cannot be had)");
	else if (!verdict->precopy)
		seep_str_addf(&line, "work: stop-and-copy, because of %s", why->name);
	else
		seep_str_addf(&line, "work: pre-copy%s",
			      visit->pid ? "" : " where there is much to copy");
	seep_style_add(str, verdict->exit == SEEP_EXIT_OK ? SEEP_INK_BOLD : SEEP_INK_BAD, color,
		       seep_str_text(&line));
	seep_str_add(str, "\n");
	str->failed |= line.failed;
}

static struct seep_error *write_text(const struct visit *visit, const struct verdict *verdict,
				     FILE *file)
{
	_cleanup_(seep_str_deinit) struct seep_str str = {};
	bool color = seep_color_wanted(visit->color, STDOUT_FILENO);
	size_t columns = (size_t)seep_terminal_columns(STDOUT_FILENO);

	seep_vec_foreach(check, &visit->checks)
		add_check(&str, check, color, columns);
	add_verdict(&str, visit, verdict, color);
	if (str.failed)
		return &seep_enomem;
	fwrite(str.text, 1, str.len, file);
	return NULL;
}

// --- as JSON: {"schema": "seep-doctor/1", "pid", "checks": [{"name", "outcome", "found", "remedy"}],
//     "works", "exit", "method", "precopy", "because"} ---

static struct seep_error *write_json(const struct visit *visit, const struct verdict *verdict,
				     FILE *file)
{
	struct seep_json w = {};
	json_auto_t *root = json_object();
	json_t *array = json_array();

	seep_json_set_string(&w, root, "schema", "seep-doctor/1");
	seep_json_set_known(&w, root, "pid", (uint64_t)visit->pid);
	seep_vec_foreach(check, &visit->checks) {
		json_t *object = json_object();
		seep_json_set_string(&w, object, "name", check->name);
		seep_json_set_string(&w, object, "outcome", words[check->outcome]);
		seep_json_set_string(&w, object, "found", check->found);
		seep_json_set_string(&w, object, "remedy", check->remedy);
		seep_json_append(&w, array, object);
	}
	seep_json_set(&w, root, "checks", array);
	seep_json_set(&w, root, "works", json_boolean(verdict->exit == SEEP_EXIT_OK));
	seep_json_set(&w, root, "exit", json_integer(verdict->exit));
	if (verdict->exit == SEEP_EXIT_OK) {
		seep_json_set_string(&w, root, "method", method_of(visit, verdict));
		seep_json_set(&w, root, "precopy", json_boolean(verdict->precopy));
	}
	if (verdict->decides)
		seep_json_set_string(&w, root, "because", verdict->decides->name);
	return seep_json_finish(&w, root, file);
}

// --- the command ---

enum { KEY_JSON = 256, KEY_COLOR };

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct visit *visit = state->input;
	struct seep_error *err = NULL;

	switch (key) {
	case KEY_JSON:
		visit->json = true;
		return 0;
	case KEY_COLOR:
		err = seep_option_color(arg, &visit->color);
		break;
	case ARGP_KEY_ARG:
		err = visit->pid ? seep_error_format(SEEP_ERROR_USAGE, "one PID at a time") :
				   seep_option_pid(arg, &visit->pid);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	if (err)
		exit(seep_cli_fail(err));
	return 0;
}

static struct seep_error *run(struct visit *visit, enum seep_exit *exit_ret)
{
	_cleanup_(seep_output_deinit) struct seep_output output = {};
	struct seep_error *err = seep_check_machine(&visit->checks);

	if (!err)
		err = visit->pid ? check_process(visit) : seep_check_reach(&visit->checks);
	if (!err)
		err = seep_output_open(NULL, &output);
	if (err)
		return err;
	struct verdict verdict = judge(visit);
	err = visit->json ? write_json(visit, &verdict, output.file) :
			    write_text(visit, &verdict, output.file);
	*exit_ret = verdict.exit;
	return err ? err : seep_output_finish(&output);
}

int seep_cmd_doctor(int argc, char **argv)
{
	static const struct argp_option options[] = {
		{ "json", KEY_JSON, NULL, 0, "As JSON", 0 },
		{ "color", KEY_COLOR, "WHEN", 0,
		  "auto (default), always or never; NO_COLOR counts with auto", 0 },
		{},
	};
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.args_doc = "[PID]",
		.doc = "Says what would stop an attach here, or make its pause longer, and the command or setting that mends it. "
		       "What seep may do is tried on a child of its own; the process PID is not stopped and nothing is done to it.",
	};
	struct visit visit = {};
	enum seep_exit exit = SEEP_EXIT_OK;

	if (argp_parse(&argp, argc, argv, 0, NULL, &visit) != 0)
		return SEEP_EXIT_INTERNAL;
	struct seep_error *err = run(&visit, &exit);
	seep_vec_free(&visit.checks);
	return err ? (int)seep_cli_fail(err) : (int)exit;
}

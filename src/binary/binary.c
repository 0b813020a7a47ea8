// Opens the executable in stages, each over what the one before found. Any of them may refuse; what was opened until
// then is closed in turn.
#include "binary/binary.h"

static struct seep_error *open_stages(struct seep_binary *binary, struct seep_target *target)
{
	struct seep_error *err;

	err = seep_image_open(seep_target_exe_fd(target), target, &binary->image);
	if (err)
		return err;
	err = seep_buildinfo_read(&binary->image, &binary->info);
	if (err)
		return err;
	int minor = binary->info.minor;
	if (minor > 0 && minor < SEEP_OLDEST_MINOR)
		return seep_error_format(SEEP_ERROR_UNSUPPORTED,
					 "Go 1.%d; seep reads Go 1.%d and later", minor,
					 SEEP_OLDEST_MINOR);
	err = seep_pclntab_open(&binary->image, minor, &binary->pclntab);
	if (err)
		return seep_error_prefix(err, "%s", binary->info.version);

	// A toolchain between releases may carry no number: the layout found tells it to within a few.
	binary->minor = minor > 0 ? minor : binary->pclntab.max_minor;
	binary->godebug = seep_target_env(target, "GODEBUG");
	binary->newer_than_known = binary->minor > seep_newest_minor;
	seep_types_init(&binary->types, &binary->image.memory, &binary->pclntab.module,
			binary->minor);
	err = seep_layout_resolve(&binary->types, binary->image.arch, binary->minor,
				  &binary->layout);
	if (!err)
		err = seep_globals_find(&binary->pclntab, &binary->layout, binary->minor,
					&binary->globals);
	if (err)
		return seep_error_prefix(err, "%s", binary->info.version);
	return NULL;
}

struct seep_error *seep_binary_open(struct seep_target *target, struct seep_binary **ret)
{
	struct seep_binary *binary = calloc(1, sizeof(*binary));

	if (!binary)
		return &seep_enomem;
	struct seep_error *err = open_stages(binary, target);
	if (err) {
		seep_binary_close(binary);
		return seep_error_prefix(err, "%s", seep_target_exe_path(target));
	}
	*ret = binary;
	return NULL;
}

void seep_binary_close(struct seep_binary *binary)
{
	if (!binary)
		return;
	seep_types_deinit(&binary->types);
	seep_buildinfo_deinit(&binary->info);
	seep_image_deinit(&binary->image);
	free(binary);
}

// Build information in an ELF file.
#include "binary/buildinfo.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct seep_image image;
	struct seep_buildinfo info;
	char value[16];

	struct seep_error *err = seep_image_parse(data, size, &image);
	if (err) {
		seep_error_destroy(err);
		return 0;
	}
	err = seep_buildinfo_read(&image, &info);
	if (!err) {
		seep_buildinfo_path(&info, value, sizeof(value));
		seep_buildinfo_setting(&info, "GOARCH", value, sizeof(value));
		seep_buildinfo_setting(&info, "", value, 0);
		seep_buildinfo_deinit(&info);
	}
	seep_error_destroy(err);
	seep_image_deinit(&image);
	return 0;
}

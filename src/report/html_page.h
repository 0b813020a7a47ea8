/** The page of page/, bundled into one file and embedded into the program by page/build.mjs. */
#ifndef SEEP_REPORT_HTML_PAGE_H
#define SEEP_REPORT_HTML_PAGE_H

#include <stddef.h>

/** The data of a report belong between the two. */
extern const unsigned char seep_html_before[], seep_html_after[];
extern const size_t seep_html_before_len, seep_html_after_len;

#endif

/** The findings of a comparison: those of the looks that changed, and what grew besides. */
#ifndef SEEP_DETECT_GROWTH_FINDINGS_H
#define SEEP_DETECT_GROWTH_FINDINGS_H

#include "detect/growth.h"

/** Adds a line of FINDING for each thing that stands out and is explained by nothing else; true unless memory is out. */
bool seep_growth_add_findings(struct seep_growth *growth);
/** Fills growth->report.findings from the lines of FINDING, which are in their final order, and has the lines lead there. */
bool seep_growth_report_findings(struct seep_growth *growth);

#endif

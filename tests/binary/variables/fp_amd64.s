#include "textflag.h"

// func callerFP() uintptr: the frame pointer of the function that calls it.
TEXT ·callerFP(SB), NOSPLIT, $0-8
	MOVQ BP, ret+0(FP)
	RET

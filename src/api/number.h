/* api/number.h: numbers as text that read back the same. */
#pragma once

enum { NUMBER_BYTES = 32 };

/** number_text() - the shortest decimal form of a finite @d that reads back as @d; whole numbers
 * have no point */
void number_text(double d, char ret_text[NUMBER_BYTES]);
/** number_double() - the same as AWS writes doubles: whole numbers have a point, "3000.0" */
void number_double(double d, char ret_text[NUMBER_BYTES]);
/** number_seconds() - a timestamp in seconds, with at most 3 decimals */
void number_seconds(double seconds, char ret_text[NUMBER_BYTES]);

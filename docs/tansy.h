/* Written by python -m hw.registers. */
#ifndef TANSY_H
#define TANSY_H

#define TANSY_MAGIC 0x00u /* the bytes "TNSY", the first one lowest: 0x59534E54 */
#define TANSY_VERSION 0x04u /* the version of the stream format */
#define TANSY_LANES 0x08u /* N */
#define TANSY_VECTOR 0x0Cu /* V */
#define TANSY_WORD_BITS 0x10u /* W */
#define TANSY_PRELOAD 0x14u /* P */
#define TANSY_TABLE_LOG 0x18u /* R */
#define TANSY_MAX_RUN 0x1Cu /* M */
#define TANSY_STYLE 0x20u /* how the decoder was built */
#define TANSY_STYLE_RAM 0x01u /* bit of STYLE: tables are loaded from each stream's header (style RAM) */
#define TANSY_STYLE_SPARSE 0x02u /* bit of STYLE: the output is sparse */
#define TANSY_CONTROL 0x24u /* commands; CLEAR comes before START, KEEP before LOAD */
#define TANSY_CONTROL_START 0x01u /* bit of CONTROL: take one stream from the input, and decode the segments that FIRST and COUNT name; wants STATUS.IDLE */
#define TANSY_CONTROL_CLEAR 0x02u /* bit of CONTROL: reset the decoder at any time; what it was doing is lost, but not a loaded header */
#define TANSY_CONTROL_KEEP 0x04u /* bit of CONTROL: with START: no header comes, the one that is loaded holds; wants STATUS.LOADED */
#define TANSY_CONTROL_LOAD 0x08u /* bit of CONTROL: with START: the header alone comes, no segment is decoded */
#define TANSY_STATUS 0x28u /* where the decoder stands */
#define TANSY_STATUS_IDLE 0x01u /* bit of STATUS: START is allowed: nothing is going on, the last stream has been taken in up to its last transfer, and no output transfer waits */
#define TANSY_STATUS_BUSY 0x02u /* bit of STATUS: a stream was started and is neither done nor failed */
#define TANSY_STATUS_DONE 0x04u /* bit of STATUS: the stream that was started last came out right */
#define TANSY_STATUS_FAILED 0x08u /* bit of STATUS: it did not; ERROR says why */
#define TANSY_STATUS_LOADED 0x10u /* bit of STATUS: START may have KEEP: the header that was read last was right (style RAM); always (style ROM) */
#define TANSY_ERROR 0x2Cu /* the error code of the decoder, 0 for none */
#define TANSY_FAULTS 0x30u /* what the bus did wrong; a fault is also an error on the bus */
#define TANSY_FAULTS_ADDRESS 0x01u /* bit of FAULTS: there is no such register, or it cannot be written */
#define TANSY_FAULTS_START 0x02u /* bit of FAULTS: START without STATUS.IDLE; nothing was started */
#define TANSY_FAULTS_KEEP 0x04u /* bit of FAULTS: START and KEEP without STATUS.LOADED; nothing was started */
#define TANSY_CYCLES 0x34u /* cycles from the start to the end, or till now; modulo 2^32 */
#define TANSY_WEIGHTS 0x38u /* weights handed out since the start (sparse: tokens); modulo 2^32 */
#define TANSY_STARVED 0x3Cu /* of CYCLES, those in which the input had nothing to take; modulo 2^32 */
#define TANSY_BLOCKED 0x40u /* of CYCLES, those in which an output transfer was refused; modulo 2^32 */
#define TANSY_FIRST 0x44u /* number of the first segment that the next START is to decode; the lanes must restart there */
#define TANSY_COUNT 0x48u /* how many segments the next START is to decode, up to the end of a span; 0: all from FIRST on */
#define TANSY_ERROR_NONE 0x00u /* value of ERROR */
#define TANSY_ERROR_TRUNCATED 0x01u /* value of ERROR */
#define TANSY_ERROR_MAGIC 0x02u /* value of ERROR */
#define TANSY_ERROR_VERSION 0x03u /* value of ERROR */
#define TANSY_ERROR_LANES 0x04u /* value of ERROR */
#define TANSY_ERROR_VECTOR 0x05u /* value of ERROR */
#define TANSY_ERROR_WORD_BITS 0x06u /* value of ERROR */
#define TANSY_ERROR_PRELOAD 0x07u /* value of ERROR */
#define TANSY_ERROR_TABLE_LOG 0x08u /* value of ERROR */
#define TANSY_ERROR_CAPACITY 0x09u /* value of ERROR */
#define TANSY_ERROR_HEADER_CRC 0x0Au /* value of ERROR */
#define TANSY_ERROR_STREAM 0x0Bu /* value of ERROR */
#define TANSY_ERROR_TABLE 0x0Cu /* value of ERROR */
#define TANSY_ERROR_COUNTS 0x0Du /* value of ERROR */
#define TANSY_ERROR_SEGMENT 0x0Eu /* value of ERROR */
#define TANSY_ERROR_WORDS_CRC 0x0Fu /* value of ERROR */
#define TANSY_ERROR_END_STATE 0x10u /* value of ERROR */
#define TANSY_ERROR_WORDS_LEFT 0x11u /* value of ERROR */
#define TANSY_ERROR_SELECTION 0x12u /* value of ERROR */
#define TANSY_ERROR_NOT_LOADED 0x13u /* value of ERROR */
#define TANSY_ERROR_PARITY 0x14u /* value of ERROR */

#endif

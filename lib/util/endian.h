#ifndef LIB_UTIL_ENDIAN_H
#define LIB_UTIL_ENDIAN_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

/* Integers in foreign bytes: read and written byte by byte, never through a cast pointer. */

#define ENDIAN_PAIR(name, type, from, to)                        \
	static inline type load_##name(const void *bytes)        \
	{                                                        \
		type value;                                      \
		memcpy(&value, bytes, sizeof(value));            \
		return from(value);                              \
	}                                                        \
	static inline void store_##name(void *bytes, type value) \
	{                                                        \
		value = to(value);                               \
		memcpy(bytes, &value, sizeof(value));            \
	}

ENDIAN_PAIR(le32, uint32_t, le32toh, htole32)
ENDIAN_PAIR(le64, uint64_t, le64toh, htole64)
ENDIAN_PAIR(be16, uint16_t, be16toh, htobe16)
ENDIAN_PAIR(be32, uint32_t, be32toh, htobe32)
ENDIAN_PAIR(be64, uint64_t, be64toh, htobe64)

#undef ENDIAN_PAIR

#endif

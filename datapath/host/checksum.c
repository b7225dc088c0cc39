/*
 * The internet checksum: see checksum.h.
 *
 * 2^16 is 1 in its arithmetic, so one may as well add 32-bit words in 64 bits: nothing is carried
 * away for 2^32 of them, and what is above 16 bits is folded back once, at the end. The byte order
 * does not matter until then.
 * With AVX2 eight words are added at a time. Nothing is owned; any thread.
 */
#include "datapath/host/checksum.h"

#include <netinet/in.h>
#include <string.h>

#include "datapath/host/offload.h"

#if defined(__x86_64__)
#include <immintrin.h>
#define HAVE_AVX2 1
#endif

/* Below this the plain way is as fast. */
#define AVX2_MIN_LEN 96

static inline uint64_t load_8(const uint8_t *bytes)
{
	uint64_t word;

	memcpy(&word, bytes, sizeof(word));
	return word;
}

/* The last up to 7 bytes, as if zeros followed. */
static inline uint64_t add_rest(uint64_t sum, const uint8_t *bytes, size_t len)
{
	uint64_t word = 0;

	memcpy(&word, bytes, len);
	return sum + (uint32_t)word + (word >> 32);
}

static inline uint64_t add_plain(uint64_t sum, const uint8_t *bytes, size_t len)
{
	for (; len >= 8; bytes += 8, len -= 8) {
		uint64_t word = load_8(bytes);

		sum += (uint32_t)word + (word >> 32);
	}
	return add_rest(sum, bytes, len);
}

static inline uint64_t copy_plain(uint64_t sum, uint8_t *restrict to, const uint8_t *restrict from,
				  size_t len)
{
	for (; len >= 8; to += 8, from += 8, len -= 8) {
		uint64_t word = load_8(from);

		memcpy(to, &word, sizeof(word));
		sum += (uint32_t)word + (word >> 32);
	}
	memcpy(to, from, len);
	return add_rest(sum, from, len);
}

#ifdef HAVE_AVX2
/* Two sums of four 64-bit lanes each, so that one addition need not wait for the other. */
struct lanes {
	__m256i low, high;
};

__attribute__((target("avx2"))) static inline void add_lanes(struct lanes *lanes, __m256i words)
{
	const __m256i mask = _mm256_set1_epi64x(0xffffffff);

	lanes->low = _mm256_add_epi64(lanes->low, _mm256_and_si256(words, mask));
	lanes->high = _mm256_add_epi64(lanes->high, _mm256_srli_epi64(words, 32));
}

__attribute__((target("avx2"))) static inline uint64_t sum_lanes(const struct lanes *lanes)
{
	__m256i sum = _mm256_add_epi64(lanes->low, lanes->high);
	__m128i half = _mm_add_epi64(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));

	return (uint64_t)_mm_extract_epi64(half, 0) + (uint64_t)_mm_extract_epi64(half, 1);
}

__attribute__((target("avx2"))) static uint64_t add_avx2(uint64_t sum, const uint8_t *bytes,
							 size_t len)
{
	struct lanes lanes = { _mm256_setzero_si256(), _mm256_setzero_si256() };

	for (; len >= 32; bytes += 32, len -= 32)
		add_lanes(&lanes, _mm256_loadu_si256((const __m256i_u *)bytes));
	return add_plain(sum + sum_lanes(&lanes), bytes, len);
}

__attribute__((target("avx2"))) static uint64_t copy_avx2(uint64_t sum, uint8_t *restrict to,
							  const uint8_t *restrict from, size_t len)
{
	struct lanes lanes = { _mm256_setzero_si256(), _mm256_setzero_si256() };

	for (; len >= 32; to += 32, from += 32, len -= 32) {
		__m256i words = _mm256_loadu_si256((const __m256i_u *)from);

		_mm256_storeu_si256((__m256i_u *)to, words);
		add_lanes(&lanes, words);
	}
	return copy_plain(sum + sum_lanes(&lanes), to, from, len);
}
#endif

uint64_t checksum_add(uint64_t sum, const uint8_t *bytes, size_t len)
{
#ifdef HAVE_AVX2
	if (len >= AVX2_MIN_LEN && __builtin_cpu_supports("avx2"))
		return add_avx2(sum, bytes, len);
#endif
	return add_plain(sum, bytes, len);
}

uint64_t checksum_copy(uint64_t sum, uint8_t *restrict to, const uint8_t *restrict from, size_t len)
{
#ifdef HAVE_AVX2
	if (len >= AVX2_MIN_LEN && __builtin_cpu_supports("avx2"))
		return copy_avx2(sum, to, from, len);
#endif
	return copy_plain(sum, to, from, len);
}

uint64_t checksum_add_pseudo(uint64_t sum, const uint8_t *ip, uint8_t protocol, uint16_t len)
{
	if (ip[0] >> 4 == 4)
		sum = add_plain(sum, ip + IPV4_AT_ADDRESSES, 2 * sizeof(struct in_addr));
	else
		sum = add_plain(sum, ip + IPV6_AT_ADDRESSES, 2 * sizeof(struct in6_addr));
	sum = checksum_add_be16(sum, protocol);
	return checksum_add_be16(sum, len);
}

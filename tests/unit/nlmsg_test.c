/* Netlink's layout against libmnl: what one writes is what the other writes, and reads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <libmnl/libmnl.h>
#include <string.h>

#include "lib/netlink/nlmsg.h"

enum {
	CAP = 4096,
	HEADER_LEN = 5, /* so that there is padding behind it */
};

static const uint8_t value[64] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13 };

struct buffer {
	_Alignas(8) uint8_t bytes[CAP];
};

static struct nlmsg_writer start(struct buffer *buf, size_t cap)
{
	memset(buf->bytes, 0xaa, sizeof(buf->bytes));
	return nlmsg_start(buf->bytes, cap, 0x1d, NLM_F_REQUEST, 77, HEADER_LEN);
}

static struct nlmsghdr *start_mnl(struct buffer *buf)
{
	struct nlmsghdr *message;

	/* Some versions of it leave what is between attributes as it was. */
	memset(buf->bytes, 0, sizeof(buf->bytes));
	message = mnl_nlmsg_put_header(buf->bytes);
	message->nlmsg_type = 0x1d;
	message->nlmsg_flags = NLM_F_REQUEST;
	message->nlmsg_seq = 77;
	mnl_nlmsg_put_extra_header(message, HEADER_LEN);
	return message;
}

static void assert_same_message(const struct buffer *a, const struct buffer *b)
{
	const struct nlmsghdr *message = (const void *)a->bytes;

	assert_in_range(message->nlmsg_len, NLMSG_HDRLEN, CAP);
	assert_memory_equal(a->bytes, b->bytes, message->nlmsg_len);
}

static void test_same_bytes_as_libmnl(void **state)
{
	struct buffer ours, theirs;
	struct nlmsg_writer w = start(&ours, CAP);
	struct nlmsghdr *message = start_mnl(&theirs);
	struct nlattr *outer, *inner, *mnl_outer, *mnl_inner;

	(void)state;
	assert_same_message(&ours, &theirs);
	memcpy(nlmsg_header(&w), value, HEADER_LEN);
	memcpy(mnl_nlmsg_get_payload(message), value, HEADER_LEN);
	for (uint16_t len = 0; len < sizeof(value); len++) {
		nlmsg_put(&w, len, value, len);
		mnl_attr_put(message, len, len, value);
	}
	outer = nlmsg_open(&w, 3);
	mnl_outer = mnl_attr_nest_start(message, 3);
	nlmsg_put_u16(&w, 4, 0x1234);
	mnl_attr_put_u16(message, 4, 0x1234);
	inner = nlmsg_open(&w, 0);
	mnl_inner = mnl_attr_nest_start(message, 0);
	nlmsg_put_u32(&w, 5, 0x12345678);
	mnl_attr_put_u32(message, 5, 0x12345678);
	nlmsg_close(&w, inner);
	mnl_attr_nest_end(message, mnl_inner);
	inner = nlmsg_open(&w, 0);
	mnl_inner = mnl_attr_nest_start(message, 0);
	nlmsg_put_u32(&w, 6, 1);
	mnl_attr_put_u32(message, 6, 1);
	nlmsg_cancel(&w, inner);
	mnl_attr_nest_cancel(message, mnl_inner);
	nlmsg_close(&w, outer);
	mnl_attr_nest_end(message, mnl_outer);
	nlmsg_put_string(&w, 7, "wg0");
	mnl_attr_put_strz(message, 7, "wg0");
	assert_false(w.full);
	assert_same_message(&ours, &theirs);
}

/* With each room there may be, one fits when the other does; and nothing more after that. */
static void test_what_fits(void **state)
{
	const size_t least = NLMSG_HDRLEN + NLMSG_ALIGN(HEADER_LEN);

	(void)state;
	for (size_t cap = least; cap < least + 40; cap++)
		for (uint16_t len = 0; len < 40; len++) {
			struct buffer ours, theirs;
			struct nlmsg_writer w = start(&ours, cap);
			struct nlmsghdr *message = start_mnl(&theirs);
			bool fits = mnl_attr_put_check(message, cap, 1, len, value);

			nlmsg_put(&w, 1, value, len);
			assert_int_equal(w.full, !fits);
			assert_same_message(&ours, &theirs);
			assert_int_equal(ours.bytes[cap], 0xaa);
			if (fits)
				continue;
			nlmsg_put(&w, 1, value, 0);
			assert_null(nlmsg_open(&w, 1));
			assert_same_message(&ours, &theirs);
		}
}

static void test_reading(void **state)
{
	struct buffer theirs;
	struct nlmsghdr *message = start_mnl(&theirs);
	struct nlattr *nest = mnl_attr_nest_start(message, 9);
	const struct nlattr *attr;
	struct nlattrs attrs, nested;

	(void)state;
	mnl_attr_put_u32(message, 5, 0x12345678);
	mnl_attr_nest_end(message, nest);
	mnl_attr_put(message, 2, 3, value);

	assert_int_equal(nlmsg_payload_len(message), mnl_nlmsg_get_payload_len(message));
	assert_ptr_equal(nlmsg_payload(message), mnl_nlmsg_get_payload(message));
	attrs = nlmsg_attrs(message, HEADER_LEN);
	attr = nlattrs_next(&attrs);
	assert_non_null(attr);
	assert_int_equal(nlattr_type(attr), 9);
	nested = nlattr_nested(attr);
	attr = nlattrs_next(&nested);
	assert_non_null(attr);
	assert_int_equal(nlattr_type(attr), 5);
	assert_int_equal(nlattr_len(attr), 4);
	assert_int_equal(*(const uint32_t *)nlattr_value(attr), 0x12345678);
	assert_null(nlattrs_next(&nested));
	attr = nlattrs_next(&attrs);
	assert_non_null(attr);
	assert_int_equal(nlattr_type(attr), 2);
	assert_int_equal(nlattr_len(attr), 3);
	assert_memory_equal(nlattr_value(attr), value, 3);
	assert_null(nlattrs_next(&attrs));

	/* The last one's padding may be missing, and so may all behind the header. */
	message->nlmsg_len--;
	attrs = nlmsg_attrs(message, HEADER_LEN);
	assert_non_null(nlattrs_next(&attrs));
	assert_non_null(nlattrs_next(&attrs));
	assert_int_equal(attrs.len, 0);
	message->nlmsg_len = NLMSG_HDRLEN + HEADER_LEN;
	attrs = nlmsg_attrs(message, HEADER_LEN);
	assert_int_equal(attrs.len, 0);
	assert_null(nlattrs_next(&attrs));
}

/* Whatever length an attribute claims: the same number of them is seen as by libmnl. */
static void test_lengths_that_lie(void **state)
{
	(void)state;
	for (unsigned int first = 0; first < 40; first++)
		for (unsigned int len = 0; len < 40; len++) {
			_Alignas(8) uint8_t bytes[40] = { (uint8_t)first };
			struct nlattrs attrs = { .at = bytes, .len = len };
			const void *payload = bytes;
			const struct nlattr *attr;
			int n = 0, n_mnl = 0;

			for (unsigned int i = 4; i < sizeof(bytes); i += 4)
				bytes[i] = 4;
			mnl_attr_for_each_payload(payload, len) n_mnl++;
			while (nlattrs_next(&attrs))
				n++;
			assert_int_equal(n, n_mnl);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_bytes_as_libmnl),
		cmocka_unit_test(test_what_fits),
		cmocka_unit_test(test_reading),
		cmocka_unit_test(test_lengths_that_lie),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

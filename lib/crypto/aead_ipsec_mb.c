/*
 * Packets by Intel's Multi-Buffer Crypto for IPsec, which does ChaCha20 and Poly1305 of a packet in
 * one go: about 150 ns for 64 bytes and 350 for 1440 where there is AVX-512, against libcrypto's
 * 240 and 610. With AVX2 the two are equal for full packets, and libcrypto wins for the others.
 *
 * Nothing is linked: the shared library is loaded if it is there. Jobs are filled in as the header
 * has them, and their layout and rules have changed from one minor version to the next (since 1.4
 * a job needs more than is set here), so that only the minor version of the header is taken.
 *
 * The library never compares tags: it writes the right one, and the comparing is done here.
 *
 * A manager, 200 kB, belongs to each thread that uses it. Its jobs keep pointers to keys, but no
 * keys. A library that was built with SAFE_DATA, as Debian's is, clears the key's state from
 * registers and stack before it returns; key and nonce were looked for on the stack after a batch,
 * and not found. The one-time key and up to 1 kB of keystream of the last packet may stay there:
 * they tell nothing of other packets.
 */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "lib/crypto/aead_backend.h"
#include "lib/crypto/ct.h"
#include "lib/util/endian.h"

#if defined(__x86_64__) && __has_include(<intel-ipsec-mb.h>)
#include <intel-ipsec-mb.h>
#define IS_KNOWN(version) ((version) >> 8 == IMB_VERSION(1, 3, 0) >> 8)
#if IS_KNOWN(IMB_VERSION_NUM)
#define HAVE_HEADER
#endif
#endif

#ifdef HAVE_HEADER

#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

#define LIBRARY "libIPSec_MB.so.1"

enum {
	BURST = 32, /* more do not get faster */
	NONCE_LEN = 12,
	NONCE_ROOM = 16, /* which are read */
};

static struct {
	pthread_once_t once;
	void *handle;
	unsigned int (*version)(void);
	IMB_MGR *(*alloc)(uint64_t flags);
	void (*free)(IMB_MGR *manager);
	void (*init)(IMB_MGR *manager, IMB_ARCH *arch);
	char version_text[32];
	struct err err; /* why it is not usable; code 0: it is */
} library = { .once = PTHREAD_ONCE_INIT };

/*
 * The library's self-test runs the code of everything that it has, 3 MB of it, to be used never
 * again. Its pages are clean copies of the file: the kernel may have them back.
 */
static int give_back_code(struct dl_phdr_info *info, size_t size, void *ctx)
{
	(void)size, (void)ctx;
	if (!strstr(info->dlpi_name, LIBRARY))
		return 0;
	for (size_t i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *part = &info->dlpi_phdr[i];
		uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
		uintptr_t from = (info->dlpi_addr + part->p_vaddr) & ~(page - 1);

		if (part->p_type == PT_LOAD && part->p_flags == (PF_R | PF_X))
			madvise((void *)from, part->p_memsz, MADV_DONTNEED);
	}
	return 1;
}

static void manager_free(void *manager)
{
	library.free(manager);
}

/* NULL if there is no memory, or the library's own self-test has failed. */
static IMB_MGR *manager_new(IMB_ARCH *arch)
{
	IMB_MGR *manager = library.alloc(0);

	if (!manager)
		return NULL;
	library.init(manager, arch);
	dl_iterate_phdr(give_back_code, NULL);
	if (manager->imb_errno || !(manager->features & IMB_FEATURE_SELF_TEST_PASS)) {
		library.free(manager);
		return NULL;
	}
	return manager;
}

static IMB_MGR *manager_of(struct aead_thread *thread, IMB_ARCH *arch)
{
	if (!thread->manager) {
		thread->manager = manager_new(arch);
		thread->manager_free = manager_free;
	}
	return thread->manager;
}

/* What all jobs have in common; RFC 8439 with the counter as [W] 5.4 has it. */
static void fill_in(IMB_JOB *job, const struct aead_key *key, const struct aead_op *op,
		    uint8_t nonce[static NONCE_LEN], uint8_t *tag)
{
	bool is_seal = key->direction == AEAD_SEAL;

	memset(nonce, 0, NONCE_LEN - sizeof(op->counter));
	store_le64(nonce + NONCE_LEN - sizeof(op->counter), op->counter);
	job->cipher_mode = IMB_CIPHER_CHACHA20_POLY1305;
	job->hash_alg = IMB_AUTH_CHACHA20_POLY1305;
	job->cipher_direction = is_seal ? IMB_DIR_ENCRYPT : IMB_DIR_DECRYPT;
	job->chain_order = is_seal ? IMB_ORDER_CIPHER_HASH : IMB_ORDER_HASH_CIPHER;
	job->enc_keys = job->dec_keys = key->bytes;
	job->key_len_in_bytes = AEAD_KEY_LEN;
	job->src = job->dst = op->data;
	job->cipher_start_src_offset_in_bytes = job->hash_start_src_offset_in_bytes = 0;
	job->msg_len_to_cipher_in_bytes = job->msg_len_to_hash_in_bytes = op->len;
	job->iv = nonce;
	job->iv_len_in_bytes = NONCE_LEN;
	job->u.CHACHA20_POLY1305.aad = NULL;
	job->u.CHACHA20_POLY1305.aad_len_in_bytes = 0;
	job->auth_tag_output = tag;
	job->auth_tag_output_len_in_bytes = AEAD_TAG_LEN;
}

/* At most BURST packets. `tags` is where opening puts the right ones. */
static void run(IMB_MGR *manager, const struct aead_key *key, const struct aead_op *ops, size_t n,
		uint8_t (*tags)[AEAD_TAG_LEN])
{
	uint8_t nonces[BURST][NONCE_ROOM];
	IMB_JOB *jobs[BURST];
	uint32_t got = IMB_GET_NEXT_BURST(manager, (uint32_t)n, jobs);

	assert(got == n);
	for (size_t i = 0; i < n; i++)
		fill_in(jobs[i], key, &ops[i], nonces[i],
			tags ? tags[i] : ops[i].data + ops[i].len);
	got = IMB_SUBMIT_BURST_NOCHECK(manager, (uint32_t)n, jobs);
	/* What is not done would be sent as it is. */
	assert(got == n);
	for (size_t i = 0; i < n; i++)
		assert(jobs[i]->status == IMB_STATUS_COMPLETED);
}

static IMB_MGR *manager_here(void)
{
	IMB_ARCH arch;
	IMB_MGR *manager = manager_of(aead_thread(), &arch);

	assert(manager);
	return manager;
}

static void seal(struct aead_key *key, struct aead_op *ops, size_t n)
{
	IMB_MGR *manager = manager_here();

	for (size_t done = 0, some; done < n; done += some) {
		some = n - done < BURST ? n - done : BURST;
		run(manager, key, ops + done, some, NULL);
	}
}

static void open(struct aead_key *key, struct aead_op *ops, size_t n)
{
	IMB_MGR *manager = manager_here();
	uint8_t tags[BURST][AEAD_TAG_LEN];

	for (size_t done = 0, some; done < n; done += some) {
		some = n - done < BURST ? n - done : BURST;
		run(manager, key, ops + done, some, tags);
		for (size_t i = 0; i < some; i++) {
			struct aead_op *op = &ops[done + i];

			op->ok = ct_equal(tags[i], op->data + op->len, AEAD_TAG_LEN);
		}
	}
}

static const struct aead_backend ipsec_mb = { "ipsec-mb", NULL, NULL, seal, open };

/* ---- loading ---- */

static int find_functions(struct err *err)
{
	const struct {
		const char *name;
		void *function;
	} wanted[] = {
		{ "imb_get_version", &library.version },
		{ "alloc_mb_mgr", &library.alloc },
		{ "free_mb_mgr", &library.free },
		{ "init_mb_mgr_auto", &library.init },
	};

	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		void *found = dlsym(library.handle, wanted[i].name);

		if (!found)
			return err_set(err, -ENOTSUP, LIBRARY ": has no %s()", wanted[i].name);
		memcpy(wanted[i].function, &found, sizeof(found));
	}
	return 0;
}

static const char *arch_name(IMB_ARCH arch)
{
	switch (arch) {
	case IMB_ARCH_NONE:
	case IMB_ARCH_NOAESNI:
	case IMB_ARCH_NUM:
		break;
	case IMB_ARCH_SSE:
		return "SSE";
	case IMB_ARCH_AVX:
		return "AVX";
	case IMB_ARCH_AVX2:
		return "AVX2";
	case IMB_ARCH_AVX512:
		return "AVX512";
	}
	return "plain";
}

static int load(struct err *err)
{
	IMB_ARCH arch = IMB_ARCH_NONE;
	unsigned int version;
	int r;

	library.handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	if (!library.handle)
		return err_set(err, -ENOENT, "%s", dlerror());
	r = find_functions(err);
	if (r)
		return r;
	version = library.version();
	snprintf(library.version_text, sizeof(library.version_text), "%u.%u.%u", version >> 16,
		 version >> 8 & 0xff, version & 0xff);
	if (!IS_KNOWN(version))
		return err_set(err, -ENOTSUP, LIBRARY ": version %s, and not 1.3",
			       library.version_text);
	if (!manager_of(aead_thread(), &arch) || !aead_backend_works(&ipsec_mb))
		return err_set(err, -EIO, LIBRARY ": fails its self-test on this processor");
	snprintf(library.version_text + strlen(library.version_text),
		 sizeof(library.version_text) - strlen(library.version_text), " (%s)",
		 arch_name(arch));
	return 0;
}

static void load_once(void)
{
	library.err.code = load(&library.err);
}

const struct aead_backend *aead_ipsec_mb_load(struct err *err)
{
	pthread_once(&library.once, load_once);
	if (!library.err.code)
		return &ipsec_mb;
	if (err)
		*err = library.err;
	return NULL;
}

bool aead_ipsec_mb_is_faster(void)
{
	/* Where the library takes its code for AVX-512. With or without IFMA: 350 or 410 ns. */
	return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
	       __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512bw") &&
	       __builtin_cpu_supports("avx512vl");
}

const char *aead_ipsec_mb_version(void)
{
	return library.version_text;
}

#else /* built where the library's header is not, or is of another version */

const struct aead_backend *aead_ipsec_mb_load(struct err *err)
{
	err_set(err, -ENOTSUP, "built without intel-ipsec-mb");
	return NULL;
}

bool aead_ipsec_mb_is_faster(void)
{
	return false;
}

const char *aead_ipsec_mb_version(void)
{
	return "";
}

#endif

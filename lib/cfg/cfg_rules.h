/* SPDX-License-Identifier: MIT */
/*
 * Inside lib/cfg only: rules that go across settings. One row per rule (cfg_rules.c), its function in the
 * file of its subject. A rule looks at one line of the configuration as it would be, is, or is about to go,
 * with the tree around it, and says 0, or complains. What one line alone can tell (types, ranges, `limit`) is
 * the grammar's.
 */
#ifndef LIB_CFG_CFG_RULES_H
#define LIB_CFG_CFG_RULES_H

#include "cfg/cfg.h"

enum cfg_rule_when {
	CFG_RULE_SET = 1,   /* a line is typed: refused when the rule complains */
	CFG_RULE_NO = 2,    /* a line is removed or set to its default: likewise */
	CFG_RULE_EXIT = 4,  /* the block that the line opened is left: the operator is told */
	CFG_RULE_SHOW = 8,  /* show configuration errors, as an error */
	CFG_RULE_WARN = 16, /* show configuration errors, as a warning: nothing is wrong, but it does not do
	                       what it says */
};

struct cfg_line {
	const struct cfg_tree *t;     /* as it is before the line */
	const struct cfg_node *block; /* where the line stands */
	const struct cfg_node *self;  /* the line as configured now; NULL: it is new */
	const struct cli_row *row;
	const struct cfg_args *args; /* as it would be; going: as it is */
	bool negated, going;
};

struct cfg_rule {
	const char *modes; /* of the row, separated by blanks */
	const char *row;   /* id */
	unsigned when;     /* bits of enum cfg_rule_when */
	unsigned chapter;  /* of the IPSec Reference, 0: another source */
	const char *story; /* one sentence: what holds */
	/* 0, or -EINVAL with the reason (without "Failure: ") in err */
	int (*check)(const struct cfg_line *l, char *err, size_t len);
};

extern const struct cfg_rule cfg_rules[];
extern const unsigned cfg_rules_n;

/* Is this rule about rows of that mode? */
bool cfg_rule_mode(const struct cfg_rule *r, const char *mode);
/* Asks the rules of one line that is set or goes. 0, or -EINVAL with "Failure: …" in err. */
int cfg_rules_line(const struct cfg_line *l, unsigned when, char *err, size_t len);

/* --- for rules --- */

/* Writes the reason and returns -EINVAL. */
int cfg_rule_complain(char *err, size_t len, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* A value of the line, else its default, else NULL. */
const char *cfg_line_arg(const struct cfg_line *l, const char *var);
/* The context that a block is in, or NULL. */
const struct cfg_node *cfg_context_of(const struct cfg_node *n);
/* A child by row and the first part of its key, or NULL. */
const struct cfg_node *cfg_named(const struct cfg_node *block, const char *row, const char *name);
/* The first key of a block, "" when it has none. */
const char *cfg_name(const struct cfg_node *n);
/* Is name among the values of a list of a single setting of this block? */
bool cfg_lists(const struct cfg_tree *t, const struct cfg_node *block, const char *row, const char *var,
               const char *name);

/* cfg_rules_template.c */
int rule_one_list(const struct cfg_line *l, char *err, size_t len);
int rule_list_file(const struct cfg_line *l, char *err, size_t len);
int rule_pem_url(const struct cfg_line *l, char *err, size_t len);
int rule_tsr(const struct cfg_line *l, char *err, size_t len);
int rule_payload_match(const struct cfg_line *l, char *err, size_t len);
int rule_cookie_challenge(const struct cfg_line *l, char *err, size_t len);
int rule_vendor_template(const struct cfg_line *l, char *err, size_t len);
int rule_template_type(const struct cfg_line *l, char *err, size_t len);
int rule_vendor_payloads(const struct cfg_line *l, char *err, size_t len);
int rule_remote_secrets_bound(const struct cfg_line *l, char *err, size_t len);
/* cfg_rules_map.c */
int rule_on_demux(const struct cfg_line *l, char *err, size_t len);
int rule_on_demux_needs(const struct cfg_line *l, char *err, size_t len);
int rule_interface_map(const struct cfg_line *l, char *err, size_t len);
int rule_group_role(const struct cfg_line *l, char *err, size_t len);
int rule_group_complete(const struct cfg_line *l, char *err, size_t len);
int rule_group_dpd(const struct cfg_line *l, char *err, size_t len);
int rule_map_complete(const struct cfg_line *l, char *err, size_t len);
int rule_match_ip_pool(const struct cfg_line *l, char *err, size_t len);
int rule_software_transport(const struct cfg_line *l, char *err, size_t len);
int rule_limit_ipsecmgr(const struct cfg_line *l, char *err, size_t len);
/* cfg_rules_weak.c */
int rule_weak_line(const struct cfg_line *l, char *err, size_t len);
int rule_weak_list(const struct cfg_line *l, char *err, size_t len);
int rule_weak_list_all(const struct cfg_line *l, char *err, size_t len);
int rule_weak_block(const struct cfg_line *l, char *err, size_t len);
int rule_weak_all(const struct cfg_line *l, char *err, size_t len);
int rule_stays_until_reboot(const struct cfg_line *l, char *err, size_t len);
/* cfg_rules_service.c */
int rule_deployment_mode(const struct cfg_line *l, char *err, size_t len);
int rule_service_peer_list(const struct cfg_line *l, char *err, size_t len);
int rule_service_bind(const struct cfg_line *l, char *err, size_t len);
int rule_service_complete(const struct cfg_line *l, char *err, size_t len);
int rule_service_mobike(const struct cfg_line *l, char *err, size_t len);
int rule_peer_list_in_use(const struct cfg_line *l, char *err, size_t len);
int rule_ipsec_large_first(const struct cfg_line *l, char *err, size_t len);
int rule_threshold_clear(const struct cfg_line *l, char *err, size_t len);
int rule_pool_range(const struct cfg_line *l, char *err, size_t len);
int rule_expiry_date(const struct cfg_line *l, char *err, size_t len);
int rule_password_age(const struct cfg_line *l, char *err, size_t len);
int rule_srp_dead_interval(const struct cfg_line *l, char *err, size_t len);

#endif

// SPDX-License-Identifier: GPL-2.0-only
/*
 * remotefs: limits of a mount, in all and for each user.
 *
 * Copyright (C) 2026 The remotefs authors
 *
 * What is limited is charged before it is made, to the mount and to one user: a
 * map file to the file system user ID of the session's attacher, its ranges and
 * what is allowed of it to the maker of the file, whoever adds them. What has
 * been revoked is not charged, though viewers may keep the file open: they would
 * use up what is its maker's. A user is known to the mount as long as anything
 * is charged to it.
 */
#include <linux/slab.h>

#include "internal.h"

/**
 * struct limited_user - what one user has made in a mount
 * @used:	by kind; protected by the lock of the mount's table of users
 */
struct limited_user {
	unsigned int used[REMOTEFS_KINDS];
};

static bool limited_user_is_idle(const struct limited_user *user)
{
	int kind;

	for (kind = 0; kind < REMOTEFS_KINDS; kind++)
		if (user->used[kind])
			return false;
	return true;
}

/* The table's lock is held. What is returned is to be freed. */
static struct limited_user *limited_user_forget(struct xarray *users,
						struct limited_user *user,
						unsigned long key)
{
	if (!limited_user_is_idle(user))
		return NULL;
	__xa_erase(users, key);
	return user;
}

static int limited_user_add(struct xarray *users, unsigned long key)
{
	struct limited_user *user = kzalloc(sizeof(*user), GFP_KERNEL_ACCOUNT);
	int err;

	if (!user)
		return -ENOMEM;
	err = xa_insert(users, key, user, GFP_KERNEL);
	if (err)
		kfree(user);
	/* Somebody else has added it. */
	return err == -EBUSY ? 0 : err;
}

/* The table's lock is held. */
static int charge(struct remotefs_sb *sbi, struct limited_user *user,
		  enum remotefs_kind kind)
{
	unsigned int max = READ_ONCE(sbi->limits[kind].max);
	unsigned int user_max = READ_ONCE(sbi->limits[kind].user_max) ?: max;

	if (sbi->used[kind] >= max || user->used[kind] >= user_max)
		return -ENOSPC;
	sbi->used[kind]++;
	user->used[kind]++;
	return 0;
}

/**
 * remotefs_limit_charge - take one object from the limits of a mount
 * @sb:		the mount
 * @uid:	to whom it is charged
 * @kind:	what it is
 *
 * Context: sleeps.
 * Return: 0; -ENOSPC a limit is reached; -ENOMEM.
 */
int remotefs_limit_charge(struct super_block *sb, kuid_t uid,
			  enum remotefs_kind kind)
{
	struct remotefs_sb *sbi = REMOTEFS_SB(sb);
	unsigned long key = __kuid_val(uid);
	struct limited_user *user, *idle = NULL;
	int err;

	for (;;) {
		xa_lock(&sbi->users);
		user = xa_load(&sbi->users, key);
		if (user)
			break;
		xa_unlock(&sbi->users);
		err = limited_user_add(&sbi->users, key);
		if (err)
			return err;
	}
	err = charge(sbi, user, kind);
	if (err)
		idle = limited_user_forget(&sbi->users, user, key);
	xa_unlock(&sbi->users);
	kfree(idle);
	return err;
}

/**
 * remotefs_limit_uncharge - give one object back
 * @sb:		the mount
 * @uid:	to whom it was charged
 * @kind:	what it was
 *
 * Context: any but interrupts.
 */
void remotefs_limit_uncharge(struct super_block *sb, kuid_t uid,
			     enum remotefs_kind kind)
{
	struct remotefs_sb *sbi = REMOTEFS_SB(sb);
	unsigned long key = __kuid_val(uid);
	struct limited_user *user, *idle = NULL;

	xa_lock(&sbi->users);
	user = xa_load(&sbi->users, key);
	if (!WARN_ON_ONCE(!user)) {
		user->used[kind]--;
		sbi->used[kind]--;
		idle = limited_user_forget(&sbi->users, user, key);
	}
	xa_unlock(&sbi->users);
	kfree(idle);
}

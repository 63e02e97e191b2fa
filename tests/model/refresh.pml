/* The refresh protocol of one grant (docs/model.md): two nodes, one store, one provider, any FAULTS faults in any order.
 *
 *   -D NEVER | GRACE | SOMETIMES | STRICT | SELF   the provider's rotation
 *   -D REVOCATION                                  the connection may be revoked at any time
 *   -D FAULTS=n -D GOAL=n                          how many faults; the generation that the nodes work towards
 *   -D BREAK_...                                   one rule of the protocol is left out: the checker must object
 *
 * A token set is known by its number: the provider counts what it mints. value[n] is the refresh token that set n carries,
 * named after the first set that had it. Masks hold one bit per set or value. */

#ifndef FAULTS
#define FAULTS 2
#endif
#ifndef GOAL
#define GOAL 3
#endif
#define NOBODY 2
#define SLOTS  5
#define SETS   14
#define BIT(n)       (1 << (n))
#define HAS(mask, n) (((mask) >> (n)) & 1)

/* An assertion names the invariant that it is about. Where ONLY is given, the others are taken for true. */
#ifndef ONLY
#define ONLY 0
#endif
#define LEFT_OUT(n) (ONLY != 0 && ONLY != n)
bool I1_one_request_in_flight = LEFT_OUT(1);
bool I2_durable_before_served = LEFT_OUT(2);
bool I3_stale_writer_changes_nothing = LEFT_OUT(3);
bool I4_only_the_provider_ends_a_grant = LEFT_OUT(4);
bool I5_revoked_stays_revoked = LEFT_OUT(5);
bool I6_ambiguity_by_profile = LEFT_OUT(6);
bool LOST_no_grant = LEFT_OUT(7);
bool MODEL_is_large_enough = false;

mtype = { live, reauth_required, revoking, revoked };

/* --- the store: one row, its attempts (oldest first), the outbox ------------------------------------------------------ */
mtype r_status = live;
byte r_generation = 1, r_value = 1, r_set = 1, r_fence, r_owner = NOBODY;
bool r_lease_runs;   /* by the clock: an expired lease still has its owner until somebody claims */
bool r_ambiguous;    /* the failure that is written down: an answer was lost */
byte r_source;       /* the fence under which its tokens were asked for */
bool r_hurry;        /* due at once: after the request that its tokens answer, others may have been sent */
bool r_aged;         /* its access token is at its end */
byte a_fence[SLOTS], a_answer[SLOTS];
bool a_recent[SLOTS]; /* by its time of sending, the grace window is open */
short outbox;

/* --- the disk of each node ---------------------------------------------------------------------------------------------- */
byte e_answer[2], e_fence[2], e_generation[2];

/* --- the network: at most one request and one answer per node --------------------------------------------------------- */
#define NOTHING     0   /* answers: the number of a set, or one of these */
#define REFUSED     100 /* invalid_grant */
#define UNAVAILABLE 101 /* 503 */
#define UNREAD      102 /* the deadline passed */
byte request[2], answer[2];
bool orphan[2]; /* its sender crashed */

/* --- the provider ------------------------------------------------------------------------------------------------------- */
byte p_sets = 1, p_head = 1;      /* sets minted; the current value */
short p_accepted = BIT(1);        /* values that it takes */
short p_revoked;                  /* sets that it was told to revoke */
bool p_killed, p_ended;           /* ended the family for reuse; ended the grant by its own decision */
byte value[SETS] = 1;

/* --- what only the observer knows ------------------------------------------------------------------------------------------ */
byte faults;
bool calm;            /* no more faults */
byte held[2];         /* the fence each node believes to hold */
short custody;        /* sets that reached a node, and were not lost in a crash before they could be made durable */
short committed = BIT(1);
byte revoked_from;    /* the set that the row had when its revocation began */
#ifdef REVOCATION
bool revocation_over;
#endif

#define FAULT      !calm && faults < FAULTS -> faults++
#define LEASE_FREE (r_owner == NOBODY || !r_lease_runs)
#define ANY_ATTEMPT (a_fence[0] != 0)
#define ANY_ANSWER (a_answer[0] || a_answer[1] || a_answer[2] || a_answer[3] || a_answer[4])
#define MOVED_ON   (r_status == revoking || r_status == revoked)

#if defined(NEVER) || defined(SOMETIMES) || defined(SELF) || defined(BREAK_AMBIGUOUS_AS_SOMETIMES)
#define MAY_REPLAY(recent) true
#elif defined(GRACE)
#define MAY_REPLAY(recent) ((recent) || r_aged)
#else
#define MAY_REPLAY(recent) r_aged
#endif

#ifdef BREAK_LATEST_STANDS_FOR_ALL
#define DECIDING_RECENT ((a_fence[4] && a_recent[4]) || (!a_fence[4] && a_fence[3] && a_recent[3]) || (!a_fence[3] && a_fence[2] && a_recent[2]) || \
                         (!a_fence[2] && a_fence[1] && a_recent[1]) || (!a_fence[1] && a_recent[0]))
#else
#define DECIDING_RECENT a_recent[0]
#endif
#ifdef BREAK_ANY_NEWER_GENERATION_IS_LATER
#define SOMETHING_LATER_IS_STORED (r_generation > generation)
#else
#define SOMETHING_LATER_IS_STORED (r_source >= own)
#endif
#define WAITS   (ANY_ATTEMPT && !ANY_ANSWER && r_ambiguous && !MAY_REPLAY(DECIDING_RECENT))
#define WANTED  (r_status == live && (r_generation < GOAL || ANY_ATTEMPT || r_hurry) && !WAITS)

/* Attempts stay packed and in the order of their fences, so that equal situations are one state. */
inline add_attempt(fence) {
  i = 0;
  do :: i < SLOTS && a_fence[i] -> i++ :: else -> break od;
  assert(MODEL_is_large_enough || i < SLOTS);
  a_fence[i] = fence; a_answer[i] = 0; a_recent[i] = true; i = 0
}
inline drop_slot(at) {
  i = at;
  do
  :: i < SLOTS - 1 ->
    a_fence[i] = a_fence[i + 1];
    a_answer[i] = a_answer[i + 1]; a_recent[i] = a_recent[i + 1]; i++
  :: else -> break
  od;
  a_fence[i] = 0; a_answer[i] = 0; a_recent[i] = false; i = 0
}
inline find_attempt(fence) { /* its slot in `at`, or SLOTS */
  at = 0;
  do :: at < SLOTS && (a_fence[at] != fence || fence == 0) -> at++ :: else -> break od
}
inline end_attempt(fence) {
  find_attempt(fence);
  if :: at < SLOTS -> drop_slot(at) :: else fi;
  at = 0
}
inline end_all_attempts() {
  at = 0;
  do
  :: at < SLOTS -> a_fence[at] = 0; a_answer[at] = 0; a_recent[at] = false; at++
  :: else -> break
  od;
  at = 0
}
inline end_answered_attempts() { /* up to the request that is answered, and the one that was claimed but never sent */
  at = 0;
  do
  :: at < SLOTS && a_fence[at] && (a_fence[at] <= own || a_fence[at] == held[_pid]) -> drop_slot(at)
  :: at < SLOTS && a_fence[at] && a_fence[at] > own && a_fence[at] != held[_pid] -> at++
  :: else -> break
  od;
  at = 0
}
inline latest_answer() { /* into `kept` and `kept_fence` */
  kept = 0; at = 0;
  do
  :: at < SLOTS -> if :: a_answer[at] -> kept = a_answer[at]; kept_fence = a_fence[at] :: else fi; at++
  :: else -> break
  od;
  at = 0
}
inline free_lease() { r_owner = NOBODY; r_lease_runs = false }
inline take_lease() { r_fence++; r_owner = _pid; r_lease_runs = true; held[_pid] = r_fence }

#define FENCED (held[_pid] == r_fence && r_owner != NOBODY)

inline store_tokens(number) {
  assert(I3_stale_writer_changes_nothing || number > r_set);
  assert(I5_revoked_stays_revoked || !MOVED_ON);
  printf("node %d commits set %d\n", _pid, number);
  r_status = live; r_generation++; r_value = value[number]; r_set = number;
  r_ambiguous = false; r_aged = false;
  r_source = own;
#ifdef BREAK_LATER_REQUEST_IGNORED
  r_hurry = false;
#else
  r_hurry = !FENCED || held[_pid] > own + 1;
#endif
#ifdef BREAK_LATER_ATTEMPTS_ENDED
  end_all_attempts();
#else
  end_answered_attempts();
#endif
  free_lease();
  committed = committed | BIT(number);
  assert(I2_durable_before_served || HAS(committed, number))
}

inline forget_everything() { /* what a process holds in memory ends with it */
  held[_pid] = 0; own = 0; generation = 0; minted = 0; older = false; kept = 0; kept_fence = 0; durable = false
}
inline crash() {
  printf("node %d crashes\n", _pid);
  if
  :: request[_pid] -> orphan[_pid] = true
  :: else
  fi;
  answer[_pid] = NOTHING;
  forget_everything()
}
inline lose_what_is_not_durable() { /* a crash between reading an answer and its first durable place loses it */
  if
  :: durable
  :: else -> custody = custody & ~BIT(minted)
  fi;
  crash()
}

active [2] proctype Node() {
  byte own;         /* the fence of the attempt that is ours */
  byte generation;  /* of the row when it was claimed */
  byte minted;      /* an answer in memory */
  byte kept, kept_fence; /* the answer of an earlier attempt */
  bool older;       /* an earlier attempt has no outcome */
  bool durable;     /* `minted` is kept, or in the escrow */
  byte i, at;

idle:
end_idle:
  atomic {
    if
    :: e_answer[_pid] -> /* the escrow before anything else */
      printf("node %d replays set %d from its escrow\n", _pid, e_answer[_pid]);
      minted = e_answer[_pid]; own = e_fence[_pid]; generation = e_generation[_pid]; durable = true;
      goto keep
    :: !e_answer[_pid] && MOVED_ON && ANY_ATTEMPT -> /* recovery of what no commit will end */
#ifndef BREAK_MINTED_IS_FORGOTTEN
      if :: a_answer[0] -> outbox = outbox | BIT(a_answer[0]) :: else fi;
#endif
      printf("node %d ends an attempt of a connection that is being revoked\n", _pid);
      drop_slot(0);
      goto idle
    :: !e_answer[_pid] && !request[_pid] && LEASE_FREE && WANTED -> /* step 2 */
      take_lease();
      generation = r_generation;
      own = held[_pid];
      older = ANY_ATTEMPT;
      latest_answer();
      printf("node %d claims: fence %d, generation %d, older attempt %d, kept answer %d\n", _pid, r_fence, generation, older, kept);
#if !defined(NEVER) && !defined(BREAK_NO_ATTEMPT)
      add_attempt(own);
#endif
    fi
  }

claimed:
  atomic {
    if
    :: FAULT; crash(); goto idle
    :: kept -> minted = kept; kept = 0; own = kept_fence; kept_fence = 0; durable = true; goto commit
    :: !kept && older && !MAY_REPLAY(DECIDING_RECENT) -> /* strict: wait */
      if
      :: FENCED ->
        printf("node %d waits for the end of the access token\n", _pid);
        r_ambiguous = true; end_attempt(own); free_lease()
      :: else
      fi;
      forget_everything();
      goto idle
    :: !kept && (!older || MAY_REPLAY(DECIDING_RECENT)) -> /* step 3 */
#ifndef BREAK_LEASE_NOT_CHECKED
      if
      :: FENCED && r_lease_runs
      :: else -> printf("node %d gives up: its lease is over\n", _pid); forget_everything(); goto idle
      fi;
#endif
      assert(I1_one_request_in_flight || request[1 - _pid] == 0);
      request[_pid] = r_value;
      printf("node %d sends value %d\n", _pid, r_value)
    fi
  }

sent:
  atomic {
    if
    :: FAULT; crash(); goto idle
    :: answer[_pid] == REFUSED -> answer[_pid] = NOTHING; goto not_accepted
    :: answer[_pid] == UNREAD -> answer[_pid] = NOTHING; goto unread
    :: answer[_pid] == UNAVAILABLE -> answer[_pid] = NOTHING; goto unavailable
    :: answer[_pid] && answer[_pid] < REFUSED ->
      minted = answer[_pid]; answer[_pid] = NOTHING;
      custody = custody | BIT(minted);
      printf("node %d reads set %d\n", _pid, minted)
    fi
  }

#ifdef BREAK_VALIDATE_BEFORE_KEEP
  atomic {
    if
    :: FAULT; lose_what_is_not_durable(); goto idle
    :: FAULT; minted = 0; goto unavailable /* its ID token cannot be checked */
    :: skip
    fi
  }
#endif

#ifdef NEVER
  goto commit;
#endif

keep: /* step 4 */
  atomic {
    if
    :: FAULT;
      lose_what_is_not_durable();
      goto idle
#ifdef BREAK_NO_ESCROW
    :: FAULT; durable = true; goto keep /* only in memory: this is what is broken */
#else
    :: FAULT; e_answer[_pid] = minted; e_fence[_pid] = own; e_generation[_pid] = generation; durable = true;
      printf("the store refuses set %d: node %d has it in its escrow\n", minted, _pid);
      goto keep
#endif
    :: skip;
      find_attempt(own);
      if :: at < SLOTS -> a_answer[at] = minted; durable = true; printf("node %d: set %d is kept\n", _pid, minted)
      :: else -> printf("node %d: the attempt of set %d was ended by others\n", _pid, minted)
      fi;
      at = 0
    fi
  }

#ifdef BREAK_SERVED_BEFORE_DURABLE
  assert(I2_durable_before_served || HAS(committed, minted));
#endif

commit: /* step 5 */
  atomic {
    if
    :: FAULT; lose_what_is_not_durable(); goto idle
#ifdef BREAK_UNFENCED_WRITE
    :: r_status == live ->
#else
    :: FENCED && generation == r_generation && r_status == live ->
#endif
      store_tokens(minted);
      goto settled
#ifdef BREAK_REVOCATION_IS_NO_FENCE
    :: MOVED_ON -> store_tokens(minted); goto settled
#else
    :: MOVED_ON -> /* the new tokens must not stay alive */
#ifndef BREAK_MINTED_IS_FORGOTTEN
      outbox = outbox | BIT(minted);
#endif
      end_attempt(own);
      goto settled
#endif
    :: !MOVED_ON && SOMETHING_LATER_IS_STORED ->
      printf("node %d drops set %d: the row is of a later request\n", _pid, minted);
      goto settled
    :: r_status == reauth_required && !SOMETHING_LATER_IS_STORED ->
#ifndef BREAK_LATE_ANSWER_DROPPED
      store_tokens(minted); /* an answer came after all: what was refused is the value before it */
#endif
      goto settled
    :: !FENCED && r_status == live && !SOMETHING_LATER_IS_STORED && LEASE_FREE ->
      take_lease();
      generation = r_generation;
      goto commit
    fi
  }

settled:
  atomic {
    if
    :: FAULT; crash(); goto idle
    :: e_answer[_pid] = 0; e_fence[_pid] = 0; e_generation[_pid] = 0; forget_everything(); goto idle
    fi
  }

not_accepted: /* step 6: is there a newer token? */
  atomic {
    if
    :: FAULT; crash(); goto idle
#ifdef BREAK_REFUSAL_BELIEVED
    :: r_status == live ->
      r_status = reauth_required;
      printf("node %d: reauth_required\n", _pid);
      assert(I4_only_the_provider_ends_a_grant || !HAS(p_accepted, r_value));
      forget_everything();
      goto idle
    :: r_status != live -> forget_everything(); goto idle
#else
    :: r_generation > generation -> forget_everything(); goto idle
    :: r_generation == generation
#endif
    fi
  }

record_refusal:
  atomic {
    if
    :: FAULT; crash(); goto idle
#ifndef BREAK_KEPT_ANSWER_IGNORED
    :: FENCED && ANY_ANSWER -> end_attempt(own); free_lease(); forget_everything(); goto idle
    :: FENCED && !ANY_ANSWER ->
#else
    :: FENCED ->
#endif
      r_status = reauth_required;
      printf("node %d: reauth_required\n", _pid);
      assert(I4_only_the_provider_ends_a_grant || !HAS(p_accepted, r_value));
      latest_answer();
      assert(I4_only_the_provider_ends_a_grant || !kept || !HAS(p_accepted, value[kept]));
      end_all_attempts(); free_lease(); forget_everything();
      goto idle
    :: !FENCED -> /* whoever waits is told what the row says */
#ifdef BREAK_STALE_REFUSAL_TOLD
      assert(I4_only_the_provider_ends_a_grant || r_status == reauth_required || MOVED_ON);
#endif
      forget_everything();
      goto idle
    fi
  }

unread: /* ambiguous: the attempt stays; of several the first stands for all */
  atomic {
    if
    :: FAULT; crash(); goto idle
    :: FENCED ->
      r_ambiguous = true;
#ifdef BREAK_LOST_ANSWER_IS_TERMINAL
      r_status = reauth_required;
      printf("node %d: reauth_required\n", _pid);
      assert(I4_only_the_provider_ends_a_grant || !HAS(p_accepted, r_value));
#endif
      if :: older -> end_attempt(own) :: else fi;
      free_lease(); forget_everything();
      goto idle
    :: !FENCED -> forget_everything(); goto idle
    fi
  }

unavailable: /* transient: the provider did nothing */
  atomic {
    if
    :: FAULT; crash(); goto idle
    :: FENCED -> r_ambiguous = false; end_attempt(own); free_lease(); forget_everything(); goto idle
    :: !FENCED -> forget_everything(); goto idle
    fi
  }
}

/* What the provider does with value `presented`: `result` is the number of a new set, or REFUSED. */
inline exchange(presented) {
  if
  :: HAS(p_accepted, presented) ->
    p_sets++;
    assert(MODEL_is_large_enough || p_sets < SETS);
    result = p_sets;
    printf("the provider mints set %d for value %d\n", result, presented);
#if defined(NEVER)
    value[result] = presented
#elif defined(SOMETIMES)
    if
    :: value[result] = p_head
    :: value[result] = result; p_accepted = p_accepted | BIT(result); p_head = result /* the one before still works */
    :: value[result] = result; p_accepted = BIT(result); p_head = result
    fi
#elif defined(STRICT)
    value[result] = result; p_accepted = BIT(result); p_head = result
#else
    value[result] = result; p_accepted = p_accepted | BIT(result); p_head = result
#endif
  :: else ->
    result = REFUSED;
    printf("the provider refuses value %d\n", presented);
#if defined(STRICT) || defined(GRACE)
    if
    :: p_accepted -> /* a value that was used before: some only refuse it, some end the family */
      assert(I6_ambiguity_by_profile || r_aged || r_status != live);
      p_accepted = 0; p_killed = true; printf("the provider ends the family\n")
    :: true
    fi
#endif
  fi
}

active proctype Provider() {
  byte result, from;
end:
  do
  :: atomic {
      if
      :: request[0] -> from = 0
      :: request[1] -> from = 1
      fi;
      if
      :: exchange(request[from]);
        if
        :: true
        :: FAULT; result = UNREAD
        fi
      :: FAULT; result = UNREAD
      :: FAULT; result = UNAVAILABLE
      fi;
      request[from] = 0;
      if
      :: orphan[from] -> printf("nobody reads the answer\n")
      :: else ->
        answer[from] = result;
        if :: result == UNREAD -> printf("the request of node %d or its answer is lost\n", from) :: else fi
      fi;
      orphan[from] = false; result = 0; from = 0
    }
  od
}

#ifdef BREAK_DEADLINE_LONGER_THAN_LEASE
#define STILL_ON_ITS_WAY false
#else
#define STILL_ON_ITS_WAY request[r_owner]
#endif

#ifdef BREAK_LEASE_OF_THE_DEAD_FREED_AT_ONCE
#define STILL_ON_ITS_WAY_OF_THE_DEAD false
#else
#define STILL_ON_ITS_WAY_OF_THE_DEAD STILL_ON_ITS_WAY
#endif

/* Time, the customer, the operator. */
active proctype World() {
  byte told;
end:
  do
  :: d_step { r_owner != NOBODY && r_lease_runs && held[r_owner] != r_fence && !STILL_ON_ITS_WAY_OF_THE_DEAD ->
      r_lease_runs = false; printf("the lease of an earlier life of node %d is over\n", r_owner)
    }
  :: d_step { /* a slow or paused owner */
      r_owner != NOBODY && r_lease_runs && held[r_owner] == r_fence && !STILL_ON_ITS_WAY && !calm && faults < FAULTS ->
      faults++; r_lease_runs = false; printf("node %d is slow: its lease is over\n", r_owner)
    }
  :: d_step { r_status == live && !r_aged -> r_aged = true; printf("the access token is at its end\n") }
  :: d_step { !calm && faults < FAULTS && p_accepted -> faults++; p_ended = true; p_accepted = 0; printf("the customer ends the grant at the provider\n") }
#if defined(GRACE)
  :: d_step { /* the window of the value that was replaced first closes; its attempt knows by its time of sending */
      !calm && faults < FAULTS && !request[0] && !request[1] && p_accepted & ~BIT(p_head) ->
      faults++;
      told = 1;
      do :: !HAS(p_accepted, told) -> told++ :: else -> break od;
      p_accepted = p_accepted & ~BIT(told);
      printf("the grace window of value %d closes\n", told);
      if
      :: told >= r_value -> /* the attempt that replaced it: the oldest whose window is still open */
        told = 0;
        do :: told < SLOTS - 1 && !a_recent[told] -> told++ :: else -> break od;
        a_recent[told] = false
      :: else
      fi;
      told = 0
    }
#elif defined(SOMETIMES)
  :: d_step { !calm && faults < FAULTS && p_accepted & ~BIT(p_head) -> faults++; p_accepted = p_accepted & BIT(p_head); printf("the value before ends\n") }
#elif defined(SELF)
  :: d_step { /* the access token that renews itself ends */
      !calm && faults < FAULTS && r_aged && r_generation < GOAL && HAS(p_accepted, r_value) ->
      faults++; p_accepted = p_accepted & ~(BIT(r_value + 1) - 1);
      printf("the access token that renews itself ends\n")
    }
#endif
#ifdef REVOCATION
  :: d_step {
      !calm && !revocation_over && !MOVED_ON ->
      revocation_over = true;
      r_status = revoking; outbox = outbox | BIT(r_set); revoked_from = r_set;
      printf("revocation begins, with set %d\n", r_set);
#ifndef BREAK_REVOCATION_IS_NO_FENCE
      r_fence++; r_owner = NOBODY; r_lease_runs = false;
#endif
      r_aged = false; r_ambiguous = false
    }
#endif
  :: d_step { /* the outbox is worked off until the provider confirms */
      outbox ->
      told = 1;
      do :: !HAS(outbox, told) -> told++ :: else -> break od;
      outbox = outbox & ~BIT(told);
      p_revoked = p_revoked | BIT(told);
      p_accepted = p_accepted & ~BIT(value[told]);
      printf("the provider is told to revoke set %d\n", told);
      told = 0;
      if :: !outbox && r_status == revoking -> r_status = revoked :: else fi
    }
  :: d_step { !calm -> calm = true }
  od
}

/* When nothing can happen any more: what became of the grant? */
active proctype Observer() {
  byte n;
end:
  atomic {
    timeout ->
    assert(LOST_no_grant || (!e_answer[0] && !e_answer[1] && !ANY_ATTEMPT));
    if
    :: r_status == live -> /* its refresh token is the one that the provider takes, or nobody could know better */
      assert(LOST_no_grant || (r_generation >= GOAL && !r_hurry));
#ifdef GRACE
      assert(LOST_no_grant || p_ended || p_killed || r_value == p_head)
#else
      assert(LOST_no_grant || p_ended || p_killed || HAS(p_accepted, r_value))
#endif
    :: r_status == reauth_required -> /* no token that works is known to anybody */
      n = 1;
      do
      :: n <= p_sets ->
        assert(LOST_no_grant || !HAS(custody, n) || !HAS(p_accepted, value[n]));
        n++
      :: else -> break
      od
    :: MOVED_ON -> /* all that was minted since is revoked too */
      assert(I5_revoked_stays_revoked || r_status == revoked);
      n = revoked_from;
      do
      :: n <= p_sets ->
        assert(I5_revoked_stays_revoked || !HAS(custody, n) || HAS(p_revoked, n));
        n++
      :: else -> break
      od
    fi
  }
}

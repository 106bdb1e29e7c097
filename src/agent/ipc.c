#include "ipc.h"

#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <unistd.h>

/* "Any": without the right to read them. Linux 4.17; older headers lack them. */
#define ANY_MSG 13
#define ANY_SHM 15
#define ANY_SEM 20

union semaphore_argument {
    int value;
    struct semid_ds *status;
    struct seminfo *info;
};

/* Only an owner may remove an object, or a capability that the agent does not have. */
static void act_as(uid_t uid) {
    syscall(SYS_setresuid, -1, uid, -1);
}

static int remove_memory(int index) {
    struct shmid_ds status;
    int id = shmctl(index, ANY_SHM, &status);
    if (id < 0)
        return 0;
    act_as(status.shm_perm.uid);
    int result = shmctl(id, IPC_RMID, NULL);
    act_as(0);
    return result < 0 ? -1 : 1;
}

static int remove_semaphores(int index) {
    struct semid_ds status = {0};
    union semaphore_argument argument = {.status = &status};
    int id = semctl(index, 0, ANY_SEM, argument);
    if (id < 0)
        return 0;
    act_as(status.sem_perm.uid);
    int result = semctl(id, 0, IPC_RMID);
    act_as(0);
    return result < 0 ? -1 : 1;
}

static int remove_queue(int index) {
    struct msqid_ds status;
    int id = msgctl(index, ANY_MSG, &status);
    if (id < 0)
        return 0;
    act_as(status.msg_perm.uid);
    int result = msgctl(id, IPC_RMID, NULL);
    act_as(0);
    return result < 0 ? -1 : 1;
}

/* count: as many there are. One that is not to be seen, as the kernel may be too old for that, is
 * left. */
static int remove_each(int last, int count, int (*remove_one)(int index), uint32_t *removed) {
    int left = 0;
    for (int index = 0; index <= last; index++) {
        int result = remove_one(index);
        if (result > 0)
            ++*removed;
        else
            left |= result;
        count -= result != 0;
    }
    return count > 0 ? -1 : left;
}

int ipc_remove_all(uint32_t *removed) {
    struct shm_info memory;
    struct seminfo semaphores = {0};
    struct msginfo queues;
    union semaphore_argument argument = {.info = &semaphores};
    int result = 0;
    int last = shmctl(0, SHM_INFO, (struct shmid_ds *)(void *)&memory);
    if (last >= 0 && memory.used_ids > 0)
        result |= remove_each(last, memory.used_ids, remove_memory, removed);
    last = semctl(0, 0, SEM_INFO, argument);
    if (last >= 0 && semaphores.semusz > 0) /* how many sets there are */
        result |= remove_each(last, semaphores.semusz, remove_semaphores, removed);
    last = msgctl(0, MSG_INFO, (struct msqid_ds *)(void *)&queues);
    if (last >= 0 && queues.msgpool > 0) /* how many queues there are */
        result |= remove_each(last, queues.msgpool, remove_queue, removed);
    return result;
}

#include "doctor/doctor.h"

void doctor_look(struct doctor *doctor)
{
    responders_find(&doctor->responders, doctor->config_file);
    doctor_configuration(doctor);
    if (doctor->config != NULL) {
        doctor_files(doctor);
        doctor_accounts(doctor);
        doctor_keys(doctor);
        doctor_rights(doctor);
        doctor_sync(doctor);
        doctor_socket(doctor);
    }
    doctor_web(doctor);
    account_table_release(doctor->accounts);
    keyset_release(doctor->keys);
    config_release(doctor->config);
}

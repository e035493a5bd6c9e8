//! The sample tenants and users.

/// A customer of the product. The page calls it a workspace, the service a tenant.
#[derive(Debug)]
pub(crate) struct Tenant {
    /// The tenant id in the principal token and in the directory.
    pub(crate) id: &'static str,
    /// The workspace's display name.
    pub(crate) name: &'static str,
    /// The Stripe customer; `None` means that the directory has no row for the tenant.
    pub(crate) customer: Option<&'static str>,
    pub(crate) region: &'static str,
    pub(crate) created: &'static str,
}

/// A user to sign in as.
#[derive(Debug)]
pub(crate) struct Person {
    /// The user id, and the value of the sign-in button.
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    pub(crate) tenant: &'static Tenant,
    /// The role in the principal token. In a product, it comes from the user's session.
    pub(crate) role: &'static str,
    /// Whether the directory lists the user as a current owner of the tenant.
    pub(crate) is_owner_in_directory: bool,
    /// What the user's settings page shows, and why.
    pub(crate) description: &'static str,
}

impl Person {
    pub(crate) fn email(&self) -> String {
        format!("{}@{}.example", self.id, self.tenant.id)
    }

    /// The role as displayed on the page.
    pub(crate) fn role_name(&self) -> &'static str {
        match self.role {
            "owner" => "Owner",
            "admin" => "Admin",
            _ => "Member",
        }
    }
}

/// The only tenant that is mapped to a customer when the example uses real Stripe.
pub(crate) static ACME: Tenant = Tenant {
    id: "acme",
    name: "Acme Robotics",
    customer: Some("cus_AcmeRobotics"),
    region: "Europe (Frankfurt)",
    created: "March 14, 2023",
};

/// The feature flag is off for this tenant.
pub(crate) static GLOBEX: Tenant = Tenant {
    id: "globex",
    name: "Globex Logistics",
    customer: Some("cus_GlobexLogistics"),
    region: "United States (Ohio)",
    created: "September 2, 2024",
};

/// The directory has no customer for this tenant.
pub(crate) static INITECH: Tenant = Tenant {
    id: "initech",
    name: "Initech Software",
    customer: None,
    region: "Europe (Ireland)",
    created: "June 30, 2026",
};

pub(crate) static TENANTS: [&Tenant; 3] = [&ACME, &GLOBEX, &INITECH];

/// The first person is an owner of [`ACME`].
pub(crate) static PEOPLE: [Person; 6] = [
    Person {
        id: "olivia",
        name: "Olivia Hartmann",
        tenant: &ACME,
        role: "owner",
        is_owner_in_directory: true,
        description: "Owner of Acme Robotics: can open the billing portal",
    },
    Person {
        id: "adam",
        name: "Adam Okafor",
        tenant: &ACME,
        role: "admin",
        is_owner_in_directory: false,
        description: "Admin of Acme Robotics: cannot open billing, because only owners can",
    },
    Person {
        id: "mia",
        name: "Mia Lindqvist",
        tenant: &ACME,
        role: "member",
        is_owner_in_directory: false,
        description: "Member of Acme Robotics: cannot open billing, because only owners can",
    },
    Person {
        id: "gustav",
        name: "Gustav Moreau",
        tenant: &GLOBEX,
        role: "owner",
        is_owner_in_directory: true,
        description: "Owner of Globex Logistics: the feature flag is off for this workspace",
    },
    Person {
        id: "ines",
        name: "Ines Calloway",
        tenant: &INITECH,
        role: "owner",
        is_owner_in_directory: true,
        description: "Owner of Initech Software: this workspace has no billing account yet",
    },
    Person {
        id: "felix",
        name: "Felix Brandt",
        tenant: &ACME,
        role: "owner",
        is_owner_in_directory: false,
        description: "Former owner of Acme Robotics: still signed in as an owner, but not an owner in the directory",
    },
];

/// Returns the person with this id, in any case.
pub(crate) fn find(id: &str) -> Option<&'static Person> {
    PEOPLE.iter().find(|person| person.id.eq_ignore_ascii_case(id))
}

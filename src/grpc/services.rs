//! The two services: a message becomes what the domain asks for, and its answer a message.

use std::sync::Arc;

use tonic::{Extensions, Request, Response, Status};

use crate::{
    grpc::{
        layers::{deadline::Deadline, session_rate::SessionRate},
        proto::{
            CreatePortalSessionRequest, CreatePortalSessionResponse, GetPortalAccessRequest, GetPortalAccessResponse,
            Reason as Shown, billing_portal_server::BillingPortal, create_portal_session_request::Flow as AskedFlow,
            portal_access_server::PortalAccess,
        },
    },
    portal::{
        CallAudit, Flow, Locale, Owner, Principal, Reason, Refusal, ReturnOrigins, ReturnUrl, UseCases, Visibility,
        flow::{Item, SubscriptionId},
        open::PortalRequest,
    },
};

/// The owner's service.
#[derive(Debug)]
pub struct BillingPortalService {
    /// What the domain can do.
    pub use_cases: UseCases,
    /// Where a person may return to.
    pub return_origins: ReturnOrigins,
    /// How often a person may ask.
    pub session_rate: SessionRate,
}

#[tonic::async_trait]
impl BillingPortal for BillingPortalService {
    async fn create_portal_session(
        &self,
        request: Request<CreatePortalSessionRequest>,
    ) -> Result<Response<CreatePortalSessionResponse>, Status> {
        let (_, extensions, message) = request.into_parts();
        let owner: &Owner = extension(&extensions)?;
        let Deadline(deadline) = *extension(&extensions)?;
        let audit: &Arc<CallAudit> = extension(&extensions)?;
        let portal_request = portal_request(&message, &self.return_origins)?;
        audit.record_flow(&portal_request.flow);
        owner.principal().check_displayed_tenant(&message.displayed_tenant_id)?;
        self.session_rate.admit(owner)?;
        let url = self.use_cases.open(owner, &portal_request, deadline, audit).await?;
        Ok(Response::new(CreatePortalSessionResponse { url: url.into_string() }))
    }
}

/// The page's service.
#[derive(Debug)]
pub struct PortalAccessService {
    /// What the domain can do.
    pub use_cases: UseCases,
}

#[tonic::async_trait]
impl PortalAccess for PortalAccessService {
    async fn get_portal_access(
        &self,
        request: Request<GetPortalAccessRequest>,
    ) -> Result<Response<GetPortalAccessResponse>, Status> {
        let (_, extensions, message) = request.into_parts();
        let principal: &Principal = extension(&extensions)?;
        let visibility = self.use_cases.visibility(principal, &message.displayed_tenant_id).await?;
        let reason = match visibility {
            Visibility::Allowed => Shown::Allowed,
            Visibility::NotOwner => Shown::NotOwner,
            Visibility::FeatureDisabled => Shown::FeatureDisabled,
            Visibility::NoBillingAccount => Shown::NoBillingAccount,
        };
        let visible = visibility == Visibility::Allowed;
        Ok(Response::new(GetPortalAccessResponse { visible, reason: reason.into() }))
    }
}

/// A handler that is reached around its layers answers BUG rather than guess.
fn extension<T: Send + Sync + 'static>(extensions: &Extensions) -> Result<&T, Refusal> {
    extensions
        .get()
        .ok_or_else(|| Refusal::because(Reason::Bug, "a handler was reached around its interceptor or layer"))
}

/// The fields, in their order.
fn portal_request(message: &CreatePortalSessionRequest, origins: &ReturnOrigins) -> Result<PortalRequest, Refusal> {
    Ok(PortalRequest {
        return_url: ReturnUrl::parse(&message.return_url, origins)?,
        locale: Locale::parse(&message.locale)?,
        flow: flow(message.flow.as_ref())?,
    })
}

fn flow(asked: Option<&AskedFlow>) -> Result<Flow, Refusal> {
    Ok(match asked {
        None => Flow::Home,
        Some(AskedFlow::PaymentMethodUpdate(_)) => Flow::PaymentMethodUpdate,
        Some(AskedFlow::CustomerUpdate(_)) => Flow::CustomerUpdate,
        Some(AskedFlow::SubscriptionCancel(asked)) => Flow::SubscriptionCancel(SubscriptionId::parse(
            &asked.subscription_id,
            "subscription_cancel.subscription_id",
        )?),
        Some(AskedFlow::SubscriptionUpdate(asked)) => Flow::SubscriptionUpdate(SubscriptionId::parse(
            &asked.subscription_id,
            "subscription_update.subscription_id",
        )?),
        Some(AskedFlow::SubscriptionUpdateConfirm(asked)) => {
            let id = SubscriptionId::parse(&asked.subscription_id, "subscription_update_confirm.subscription_id")?;
            let item = asked.item.as_ref().ok_or_else(|| {
                Refusal::because(Reason::FlowInvalid, "the item is missing").at("subscription_update_confirm.item")
            })?;
            Flow::SubscriptionUpdateConfirm(id, Item::parse(&item.id, &item.price_id, item.quantity)?)
        }
    })
}
